#include "lm/config/fields.h"

#include <array>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/strings.h"

namespace kindred::lm {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 9> kActivations{{
    {"gelu_new", Activation::gelu_tanh},
    {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"gelu_fast", Activation::gelu_tanh},
    {"gelu", Activation::gelu_erf},
    {"quick_gelu", Activation::quick_gelu},
    {"relu", Activation::relu},
    {"silu", Activation::silu},
    {"swish", Activation::silu},
    {"tanh", Activation::tanh},
}};

// 2^40 weights are 4 TiB in fp32.
constexpr double kMostWeights = 1099511627776.0;

bool is_integer_in(const Json& value, int64_t low, int64_t high) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
    return false;
  }
  return value.is_number_integer() && value.get<int64_t>() >= low && value.get<int64_t>() <= high;
}

std::string shown(const Json& value) {
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

}  // namespace

std::optional<Activation> activation_named(const std::string& name) {
  for (const auto& [one, meaning] : kActivations) {
    if (name == one) return meaning;
  }
  return std::nullopt;
}

std::vector<std::string> activation_names() {
  std::vector<std::string> names;
  names.reserve(kActivations.size());
  for (const auto& [name, meaning] : kActivations) names.emplace_back(name);
  return names;
}

FieldReader::FieldReader(const Json& json, const std::string& where) : json_(json), where_(where) {
  if (!json.is_object()) {
    throw Error(Exit::config, where, cat("got ", json.type_name(), ", expected an object"));
  }
}

void FieldReader::problem(const std::string& key, const std::string& sentence) {
  problems_.push_back(cat(where_, ": ", key, ": ", sentence));
}

const Json* FieldReader::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void FieldReader::integer(const char* key, int64_t& value, int64_t low, int64_t high) {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (is_integer_in(*found, low, high)) {
    value = found->get<int64_t>();
  } else {
    problem(key, cat("got ", shown(*found), ", expected an integer from ", low, " to ", high));
  }
}

void FieldReader::number(const char* key, double& value, double low, double high) {
  const Json* found = find(key);
  if (found == nullptr) return;
  const double got = found->is_number() ? found->get<double>() : NAN;
  if (got >= low && got <= high) {
    value = got;
  } else {
    problem(key, cat("got ", shown(*found), ", expected a number from ", kindred::number(low),
                     " to ", kindred::number(high)));
  }
}

void FieldReader::boolean(const char* key, bool& value) {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (found->is_boolean()) {
    value = found->get<bool>();
  } else {
    problem(key, cat("got ", shown(*found), ", expected true or false"));
  }
}

void FieldReader::alias(const char* key, const char* other, int64_t& value, int64_t high) {
  const bool both = find(key) != nullptr && find(other) != nullptr;
  const int64_t first = value;
  integer(other, value, 1, high);
  if (both && first != value) {
    problem(other, cat("got ", value, ", but ", key, " is ", first, "; remove one of the two"));
  }
}

void FieldReader::activation(const char* key, std::string& name, Activation& kind) {
  const Json* found = find(key);
  if (found == nullptr) return;
  const auto named =
      found->is_string() ? activation_named(found->get<std::string>()) : std::nullopt;
  if (!named) {
    problem(key, cat("got ", shown(*found), ", expected one of ", join(activation_names(), ", ")));
    return;
  }
  name = found->get<std::string>();
  kind = *named;
}

std::vector<int64_t> FieldReader::tokens(const char* key, int64_t original, int64_t vocab) {
  std::vector<int64_t> ids;
  const auto found = json_.find(key);
  const Json given = found == json_.end() ? Json(original) : *found;
  if (given.is_null()) return ids;
  for (const Json& id : given.is_array() ? given : Json::array({given})) {
    if (!is_integer_in(id, 0, INT32_MAX)) {
      problem(key, cat("got ", shown(id), ", expected a token id from 0 to ", INT32_MAX,
                       " or a list of them"));
    } else if (id.get<int64_t>() < vocab) {
      ids.push_back(id.get<int64_t>());
    }
  }
  return ids;
}

void FieldReader::refuse(std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const Json* found = find(key);
    if (found == nullptr || (found->is_boolean() && !found->get<bool>())) continue;
    if (found->is_structured() && found->empty()) continue;
    problem(key, cat("got ", shown(*found), ", which is not supported; expected it absent"));
  }
}

void FieldReader::expect(const char* key, const Json& only) {
  const Json* found = find(key);
  if (found == nullptr || *found == only) return;
  problem(key, cat("got ", shown(*found), ", which is not supported; expected ", shown(only)));
}

void FieldReader::weights(const char* key, double count) {
  if (count <= kMostWeights) return;
  problem(key, cat("the sizes make ", kindred::number(count, 3), " weights, expected at most ",
                   kindred::number(kMostWeights, 3)));
}

void FieldReader::finish() {
  if (!problems_.empty()) throw Error(Exit::config, std::move(problems_));
}

Json token_field(const std::vector<int64_t>& ids) {
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? Json(ids[0]) : Json(ids);
}

}  // namespace kindred::lm
