#include "eval/metrics/values.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::eval {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

[[noreturn]] void refuse(const std::string& where, const std::string& message) {
  throw Error(Exit::bad_data, where, message);
}

// The member, or nullptr where it is absent or null.
const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

double value_of(const NamedValues& values, std::string_view name) {
  for (const NamedValue& value : values) {
    if (value.name == name) return value.value;
  }
  return nan;
}

Json to_json(const NamedValues& values) {
  Json object = Json::object();
  for (const NamedValue& value : values) {
    object[value.name] = std::isfinite(value.value) ? Json(value.value) : Json(nullptr);
  }
  return object;
}

NamedValues values_from_json(const Json& object, const std::string& where) {
  if (!object.is_object()) refuse(where, cat("got ", object.type_name(), ", expected an object"));
  NamedValues values;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_number() && !value.is_null()) {
      refuse(where, cat("'", name, "' is ", value.type_name(), ", expected a number or null"));
    }
    values.push_back({name, value.is_null() ? nan : value.get<double>()});
  }
  return values;
}

std::string display_value(double value, int digits) {
  if (!std::isfinite(value)) return "n/a";
  char text[400];
  const auto result =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits);
  std::string shown(text, result.ptr);
  if (shown.find_first_not_of("-0.") == std::string::npos && shown[0] == '-') shown.erase(0, 1);
  return shown;
}

bool Protocol::operator==(const Protocol& other) const {
  if (name != other.name || mask != other.mask || unseen != other.unseen) return false;
  if (sha256 && other.sha256) return *sha256 == *other.sha256;
  return sha256 == other.sha256 && negatives == other.negatives && seed == other.seed &&
         file == other.file;
}

std::string describe(const Protocol& protocol) {
  std::string text;
  if (protocol.name == "full") {
    text = "full ranking";
  } else if (protocol.name == "candidates") {
    if (protocol.file) {
      text = "candidates of " + *protocol.file;
      if (protocol.sha256) text += cat(" (SHA-256 ", protocol.sha256->substr(0, 12), ")");
    } else {
      text = "relevant item among sampled candidates";
      if (protocol.negatives)
        text = cat("relevant item + ", *protocol.negatives, " sampled negatives");
      if (protocol.seed) text += cat(" (seed ", *protocol.seed, ")");
    }
  } else {
    text = protocol.name;
  }
  if (protocol.mask == "none")
    text += ", nothing masked";
  else if (!protocol.mask.empty())
    text += ", " + protocol.mask + " items masked";
  return protocol.unseen ? text + ", people served as never seen" : text;
}

Json to_json(const Protocol& protocol) {
  Json json = {{"name", protocol.name},
               {"negatives", or_null(protocol.negatives)},
               {"seed", or_null(protocol.seed)},
               {"file", or_null(protocol.file)},
               {"mask", protocol.mask.empty() ? Json(nullptr) : Json(protocol.mask)}};
  if (protocol.unseen) json["users"] = "unseen";
  if (protocol.sha256) json["sha256"] = *protocol.sha256;
  return json;
}

Protocol protocol_from_json(const Json& object, const std::string& where) {
  if (!object.is_object()) refuse(where, cat("got ", object.type_name(), ", expected an object"));
  Protocol protocol;
  const Json* name = member(object, "name");
  if (name == nullptr || !name->is_string()) refuse(where, "expected a text 'name'");
  protocol.name = name->get<std::string>();
  if (const Json* value = member(object, "negatives")) {
    if (!value->is_number_integer()) refuse(where, "'negatives' is not an integer");
    protocol.negatives = value->get<int64_t>();
  }
  if (const Json* value = member(object, "seed")) {
    if (!value->is_number_integer()) refuse(where, "'seed' is not an integer");
    protocol.seed = value->get<uint64_t>();
  }
  if (const Json* value = member(object, "file")) {
    if (!value->is_string()) refuse(where, "'file' is not a text");
    protocol.file = value->get<std::string>();
  }
  if (const Json* value = member(object, "mask")) {
    if (!value->is_string()) refuse(where, "'mask' is not a text");
    protocol.mask = value->get<std::string>();
  }
  if (const Json* value = member(object, "sha256")) {
    if (!value->is_string()) refuse(where, "'sha256' is not a text");
    protocol.sha256 = value->get<std::string>();
  }
  if (const Json* value = member(object, "users")) protocol.unseen = *value == "unseen";
  return protocol;
}

}  // namespace kindred::eval
