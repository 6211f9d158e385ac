#include "eval/metrics/metrics_file.h"

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& message) {
  throw Error(Exit::bad_data, where, message);
}

const Json& section(const Json& json, const char* name, const std::string& where) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_object())
    refuse(where, cat("expected an object '", name, "'"));
  return *found;
}

GroupValues group_from_json(const std::string& name, const Json& json, const std::string& where) {
  if (!json.is_object() || !json.contains("users") || !json["users"].is_number_integer()) {
    refuse(where, "expected an object with an integer 'users'");
  }
  const Json rows = json.value("rows", Json(0));
  if (!rows.is_number_integer()) refuse(where, "'rows' is not an integer");
  return {name, json["users"].get<int64_t>(),
          values_from_json(section(json, "metrics", where), where + ".metrics"),
          rows.get<int64_t>()};
}

}  // namespace

Json to_json(const std::vector<GroupValues>& groups) {
  Json json = Json::object();
  for (const GroupValues& group : groups) {
    json[group.name] = {{"users", group.users}, {"metrics", to_json(group.values)}};
    if (group.rows > 0) json[group.name]["rows"] = group.rows;
  }
  return json;
}

std::vector<GroupValues> groups_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) refuse(where, cat("got ", json.type_name(), ", expected an object"));
  std::vector<GroupValues> groups;
  for (const auto& [name, group] : json.items())
    groups.push_back(group_from_json(name, group, cat(where, ".", name)));
  return groups;
}

Json to_json(const MetricsFile& metrics) {
  Json json = {{"schema", MetricsFile::schema},
               {"protocol", to_json(metrics.protocol)},
               {"valid", to_json(metrics.valid)},
               {"test", to_json(metrics.test)},
               {"groups", to_json(metrics.groups)}};
  if (metrics.final_run) json["final"] = true;
  return json;
}

MetricsFile metrics_from_json(const Json& json, const std::string& where) {
  if (!json.is_object()) refuse(where, cat("got ", json.type_name(), ", expected an object"));
  const auto schema = json.find("schema");
  if (schema == json.end() || !schema->is_number_integer())
    refuse(where, "expected an integer 'schema'");
  if (schema->get<int64_t>() != MetricsFile::schema) {
    refuse(where, cat("got schema ", schema->get<int64_t>(), ", expected ", MetricsFile::schema,
                      schema->get<int64_t>() > MetricsFile::schema
                          ? "; the file is of a newer version of Kindred"
                          : ""));
  }
  MetricsFile metrics;
  metrics.final_run = json.contains("final") && json["final"] == true;
  metrics.protocol = protocol_from_json(section(json, "protocol", where), where + ": protocol");
  metrics.valid = values_from_json(section(json, "valid", where), where + ": valid");
  metrics.test = values_from_json(section(json, "test", where), where + ": test");
  metrics.groups = groups_from_json(section(json, "groups", where), where + ": groups");
  return metrics;
}

void write_metrics(const std::filesystem::path& path, const MetricsFile& metrics) {
  write_file(path, to_json(metrics).dump(2) + "\n");
}

MetricsFile read_metrics(const std::filesystem::path& path) {
  return metrics_from_json(read_json(path.string()), path.string());
}

}  // namespace kindred::eval
