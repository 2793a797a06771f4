import java.util.Arrays;
import java.util.stream.Collectors;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Asks models about texts from Flink SQL. Arguments: endpoint, key, models with commas, texts. Prints lines: model, text, answer. */
public final class MlPredict {
  public static void main(String[] args) throws Exception {
    var sql = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
    sql.getConfig().set("parallelism.default", "1");
    var rows = Arrays.stream(args).skip(3).map(text -> "(" + quoted(text) + ")").collect(Collectors.joining(", "));
    sql.executeSql("CREATE TEMPORARY VIEW reviews AS SELECT * FROM (VALUES " + rows + ") AS t (review)");
    for (var model : args[2].split(",")) {
      sql.executeSql(
          "CREATE MODEL `" + model + "` INPUT (review STRING) OUTPUT (label STRING) WITH ('provider' = 'openai', 'endpoint' = "
              + quoted(args[0]) + ", 'model' = " + quoted(model) + ", 'api-key' = " + quoted(args[1]) + ")");
      var query = "SELECT * FROM ML_PREDICT(TABLE reviews, MODEL `" + model + "`, DESCRIPTOR(review))";
      try (var answered = sql.executeSql(query).collect()) {
        answered.forEachRemaining(row -> System.out.println(model + "\t" + row.getField(0) + "\t" + row.getField(1)));
      }
    }
  }

  private static String quoted(String text) {
    return "'" + text.replace("'", "''") + "'";
  }
}
