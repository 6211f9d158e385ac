#include "eval/metrics/kept_evaluation.h"

#include <cmath>
#include <limits>
#include <unordered_set>

#include "core/error.h"
#include "core/files.h"
#include "core/gzip.h"
#include "core/strings.h"
#include "data/source.h"
#include "eval/metrics/metrics_file.h"

namespace kindred::eval {

namespace {

constexpr const char* kind = "evaluation";

/// A number that JSON may not have: not a number is null, infinities are texts.
Json any_number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json users_json(const UserMetrics& users) {
  Json values = Json::object();
  for (int64_t m = 0; m < users.metric_count(); ++m) {
    Json column = Json::array();
    for (int64_t u = 0; u < users.user_count(); ++u) column.push_back(any_number(users.at(u, m)));
    values[metric_name(users.metrics()[static_cast<size_t>(m)])] = std::move(column);
  }
  return {{"tokens", users.users()}, {"values", std::move(values)}};
}

std::vector<std::string> tokens_of(const data::IdMap& map) {
  return {map.tokens().begin(), map.tokens().end()};
}

Json rows_json(const PointwiseDump& dump) {
  Json scores = Json::array();
  for (const float score : dump.rows.score) scores.push_back(any_number(score));
  return {{"users", tokens_of(dump.users)},
          {"items", tokens_of(dump.items)},
          {"user", dump.rows.user},
          {"item", dump.rows.item},
          {"label", dump.rows.label},
          {"score", std::move(scores)},
          {"probabilities", dump.rows.probabilities}};
}

/// A JSON value with its place in the file.
class Place {
 public:
  Place(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(Exit::bad_data, where_, message);
  }
  const std::string& where() const { return where_; }
  const Json& json() const { return json_; }

  bool has(const char* name) const { return json_.is_object() && json_.contains(name); }

  Place at(const char* name) const {
    if (!json_.is_object()) refuse(cat("got ", json_.type_name(), ", expected an object"));
    const auto found = json_.find(name);
    if (found == json_.end()) refuse(cat("'", name, "' is missing"));
    return {*found, cat(where_, ": ", name)};
  }
  std::string text() const {
    if (!json_.is_string()) refuse(cat("got ", json_.type_name(), ", expected a text"));
    return json_.get<std::string>();
  }
  /// A whole number from `low` to `high`.
  int64_t integer(int64_t low, int64_t high) const {
    if (!json_.is_number_integer() || json_ < low || json_ > high)
      refuse(cat("expected a whole number from ", low, " to ", high));
    return json_.get<int64_t>();
  }
  double number() const {
    if (json_.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (json_ == "inf") return std::numeric_limits<double>::infinity();
    if (json_ == "-inf") return -std::numeric_limits<double>::infinity();
    if (!json_.is_number()) refuse(cat("got ", json_.type_name(), ", expected a number"));
    return json_.get<double>();
  }
  /// What `read` makes of each element.
  template <class Read>
  auto list(Read read) const {
    if (!json_.is_array()) refuse(cat("got ", json_.type_name(), ", expected a list"));
    std::vector<decltype(read(*this))> all;
    all.reserve(json_.size());
    for (size_t i = 0; i < json_.size(); ++i) all.push_back(read(Place(json_[i], where_)));
    return all;
  }

 private:
  const Json& json_;
  std::string where_;
};

UserMetrics users_of(const Place& place) {
  const auto tokens = place.at("tokens").list([](const Place& one) { return one.text(); });
  std::unordered_set<std::string_view> seen;
  for (const std::string& token : tokens)
    if (!seen.insert(token).second) place.refuse(cat("user ", quote(token), " stands twice"));
  const Place columns = place.at("values");
  if (!columns.json().is_object()) columns.refuse("expected an object");
  std::vector<Metric> metrics;
  std::vector<std::vector<double>> values;
  for (const auto& [name, column] : columns.json().items()) {
    const Place at(column, cat(columns.where(), ".", name));
    try {
      metrics.push_back(parse_metric(name));
    } catch (const Error& error) {
      at.refuse(error.what());
    }
    values.push_back(at.list([](const Place& one) { return one.number(); }));
    if (values.back().size() != tokens.size())
      at.refuse(cat("got ", values.back().size(), " values for ", tokens.size(), " users"));
  }
  UserMetrics users(tokens, metrics);
  for (int64_t u = 0; u < users.user_count(); ++u)
    for (size_t m = 0; m < values.size(); ++m) users.row(u)[m] = values[m][static_cast<size_t>(u)];
  return users;
}

data::IdMap map_of(const Place& place) {
  data::IdMap map;
  for (const std::string& token : place.list([](const Place& one) { return one.text(); })) {
    const data::Index before = map.size();
    if (map.add(token) != before) place.refuse(cat(quote(token), " stands twice"));
  }
  return map;
}

PointwiseDump rows_of(const Place& place) {
  PointwiseDump dump;
  dump.users = map_of(place.at("users"));
  dump.items = map_of(place.at("items"));
  const auto index = [](int64_t size) {
    return [size](const Place& one) { return static_cast<data::Index>(one.integer(0, size - 1)); };
  };
  const auto number = [](const Place& one) { return static_cast<float>(one.number()); };
  dump.rows.user = place.at("user").list(index(dump.users.size()));
  dump.rows.item = place.at("item").list(index(dump.items.size()));
  dump.rows.label = place.at("label").list(number);
  dump.rows.score = place.at("score").list(number);
  const Place probabilities = place.at("probabilities");
  if (!probabilities.json().is_boolean()) probabilities.refuse("expected true or false");
  dump.rows.probabilities = probabilities.json().get<bool>();
  try {
    check_rows(dump.rows, dump.users.size());
  } catch (const Error& error) {
    place.refuse(error.what());
  }
  return dump;
}

std::string bounded_content(const std::filesystem::path& path) {
  const auto source = data::open_source(path);
  std::string content;
  std::vector<char> buffer(1 << 18);
  while (const size_t got = source->read(buffer.data(), buffer.size())) {
    if (content.size() + got > KeptEvaluation::largest)
      throw Error(Exit::bad_data, path.string(),
                  cat("holds more than ", KeptEvaluation::largest >> 20,
                      " MiB; is it an evaluation that Kindred kept?"));
    content.append(buffer.data(), got);
  }
  return content;
}

void check_schema(const Place& file) {
  if (!file.has("kind") || file.json()["kind"] != kind)
    file.refuse("is no evaluation that Kindred kept");
  const Place place = file.at("schema");
  if (!place.json().is_number_integer() || place.json() != KeptEvaluation::schema)
    place.refuse(cat("got schema ", place.json().dump(), ", expected ", KeptEvaluation::schema,
                     place.json() > KeptEvaluation::schema ? "; a newer Kindred wrote it" : ""));
}

}  // namespace

void write_kept_evaluation(const std::filesystem::path& path, const KeptEvaluation& kept) {
  Json json{{"schema", KeptEvaluation::schema},
            {"kind", kind},
            {"label", kept.label},
            {"run", kept.run},
            {"recipe", kept.recipe},
            {"seed", kept.seed},
            {"split", kept.split},
            {"part", kept.part},
            {"protocol", to_json(kept.protocol)},
            {"values", to_json(kept.values)},
            {"groups", to_json(kept.groups)},
            {"users", users_json(kept.users)}};
  if (kept.rows.rows.size() > 0) json["rows"] = rows_json(kept.rows);
  // Ids are UTF-8 where Kindred prepared them; others must not end in an exception here.
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  if (text.size() > KeptEvaluation::largest)
    throw Error(Exit::bad_data, path.string(),
                cat("would hold ", text.size() >> 20, " MiB, more than the ",
                    KeptEvaluation::largest >> 20, " that are read back"));
  write_file(path, gzipped(text));
}

KeptEvaluation read_kept_evaluation(const std::filesystem::path& path) {
  const Json json = parse_json(bounded_content(path), path.string());
  const Place file(json, path.string());
  check_schema(file);
  KeptEvaluation kept;
  kept.label = file.at("label").text();
  kept.run = file.at("run").text();
  kept.recipe = file.at("recipe").text();
  kept.split = file.at("split").text();
  kept.part = file.at("part").text();
  const Place seed = file.at("seed");
  if (!seed.json().is_number_unsigned()) seed.refuse("expected a whole number from 0");
  kept.seed = seed.json().get<uint64_t>();
  kept.protocol = protocol_from_json(file.at("protocol").json(), file.at("protocol").where());
  kept.values = values_from_json(file.at("values").json(), file.at("values").where());
  kept.groups = groups_from_json(file.at("groups").json(), file.at("groups").where());
  kept.users = users_of(file.at("users"));
  if (file.has("rows")) kept.rows = rows_of(file.at("rows"));
  return kept;
}

}  // namespace kindred::eval
