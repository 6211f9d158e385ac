#include "core/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"
#include "core/strings.h"
#include "core/yaml.h"

namespace kindred {
namespace {

std::string shown(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_array()) return cat("a list of ", value.size());
  if (value.is_object()) return "a section";
  if (value.is_string()) return "the text " + quote(value.get_ref<const std::string&>());
  if (value.is_number_float()) return shortest_number(value.get<double>());
  return value.dump();
}

/// "0 to 1", "above 0, at most 1", ...; ends so far out that only a type sets them are left away.
std::string range_of(Bounds bounds) {
  const bool low = bounds.low > -9e18, high = bounds.high < 9e18;
  const std::string from = shortest_number(bounds.low), to = shortest_number(bounds.high);
  if (low && high && !bounds.low_open && !bounds.high_open) return from + " to " + to;
  const std::string above = (bounds.low_open ? "above " : "at least ") + from;
  const std::string below = (bounds.high_open ? "below " : "at most ") + to;
  return (low ? above : "") + (low && high ? ", " : "") + (high ? below : "");
}

std::string with_range(const std::string& kind, Bounds bounds) {
  const std::string range = range_of(bounds);
  return range.empty() ? kind : kind + ", " + range;
}

/// The value as an integer of type T where it is one exactly: 5, 5.0 and 1e3 are.
template <class T>
bool exact_integer(const Json& value, T& integer) {
  if (value.is_number_unsigned()) {
    const uint64_t number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<T>::max())) return false;
    integer = static_cast<T>(number);
    return true;
  }
  if (value.is_number_integer()) {
    const int64_t number = value.get<int64_t>();
    if (number < 0 && std::is_unsigned_v<T>) return false;
    integer = static_cast<T>(number);
    return true;
  }
  if (!value.is_number_float()) return false;
  const double number = value.get<double>();
  // Both ends are powers of two, hence exact as doubles; NaN fails the comparisons.
  const double low = static_cast<double>(std::numeric_limits<T>::min());
  const double high = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!(number >= low && number < high) || number != std::trunc(number)) return false;
  integer = static_cast<T>(number);
  return true;
}

}  // namespace

double detail::shortest(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  double result = value;
  std::from_chars(text, end, result);
  return result;
}

OptionReader::OptionReader(const Json& object, std::string where,
                           std::vector<std::string>& problems)
    : object_(object.is_object() ? &object : nullptr),
      where_(std::move(where)),
      problems_(problems) {
  if (!object.is_object() && !object.is_null()) problem(where_, object, "a section of options");
}

void OptionReader::operator()(const char* name, std::string& member, const char*,
                              const Choices& choices) {
  const Json* value = take(name);
  // What stands for "not said" need not be among the choices, but a written file holds it.
  if (value == nullptr || (value->is_string() && value->get<std::string>() == member)) return;
  read_choice(path(name), *value, member, choices);
}

void OptionReader::operator()(const char* name, std::optional<std::string>& member, const char*,
                              const Choices& choices) {
  const Json* value = take(name);
  if (value == nullptr) return;
  std::string text;
  if (value->is_null())
    member.reset();
  else if (read_choice(path(name), *value, text, choices))
    member = text;
}

void OptionReader::operator()(const char* name, std::vector<std::string>& member, const char*,
                              const Choices& choices) {
  const Json* value = take(name);
  if (value == nullptr || !expect_array(path(name), *value)) return;
  std::vector<std::string> texts(value->size());
  for (size_t i = 0; i < texts.size(); ++i)
    read_choice(path(name) + "[" + std::to_string(i) + "]", (*value)[i], texts[i], choices);
  member = std::move(texts);
}

void OptionReader::finish() {
  if (object_ == nullptr) return;
  for (const auto& [key, value] : object_->items()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const std::string near = suggestion(key, known_);
    problems_.push_back((where_.empty() ? "" : where_ + (where_.ends_with(':') ? " " : ": ")) +
                        "unknown key " + quote(key) +
                        (near.empty() ? "; known keys: " + join(known_, ", ") : near));
  }
}

const Json* OptionReader::take(const char* name) {
  known_.emplace_back(name);
  if (object_ == nullptr) return nullptr;
  const auto found = object_->find(name);
  return found == object_->end() ? nullptr : &*found;
}

std::string OptionReader::path(const char* name) const {
  if (where_.empty()) return name;
  return where_ + (where_.ends_with(':') ? " " : ".") + name;
}

void OptionReader::problem(const std::string& at, const Json& value, const std::string& expected) {
  const std::string sentence = "got " + shown(value) + ", expected " + expected;
  problems_.push_back(at.empty() ? sentence : at + (at.ends_with(':') ? " " : ": ") + sentence);
}

bool OptionReader::expect_array(const std::string& at, const Json& value) {
  if (!value.is_array()) problem(at, value, "a list, such as [a, b]");
  return value.is_array();
}

void OptionReader::read_bool(const std::string& at, const Json& value, bool& member) {
  if (value.is_boolean())
    member = value.get<bool>();
  else
    problem(at, value, "true or false");
}

void OptionReader::read_text(const std::string& at, const Json& value, std::string& member) {
  if (value.is_string())
    member = value.get<std::string>();
  else
    problem(at, value, value.is_structured() ? "a text" : "a text; put it in quotes");
}

bool OptionReader::read_choice(const std::string& at, const Json& value, std::string& member,
                               const Choices& choices) {
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const auto& names = choices.names;
  const bool known =
      value.is_string() && std::find(names.begin(), names.end(), text) != names.end();
  if (known)
    member = text;
  else
    problem(at, value, "one of " + join(names, ", ") + suggestion(text, names));
  return known;
}

bool OptionReader::expect_within(const std::string& at, const Json& value, double number,
                                 Bounds bounds) {
  const bool low = bounds.low_open ? number > bounds.low : number >= bounds.low;
  const bool high = bounds.high_open ? number < bounds.high : number <= bounds.high;
  if (!low || !high) problem(at, value, range_of(bounds));
  return low && high;
}

bool OptionReader::read_integer(const std::string& at, const Json& value, int64_t& number,
                                Bounds bounds) {
  const bool exact = exact_integer(value, number);
  if (!exact) problem(at, value, with_range("an integer", bounds));
  return exact && expect_within(at, value, static_cast<double>(number), bounds);
}

bool OptionReader::read_unsigned(const std::string& at, const Json& value, uint64_t& number,
                                 Bounds bounds) {
  const bool exact = exact_integer(value, number);
  if (!exact) problem(at, value, with_range("an integer", bounds));
  return exact && expect_within(at, value, static_cast<double>(number), bounds);
}

bool OptionReader::read_number(const std::string& at, const Json& value, double& number,
                               Bounds bounds) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    problem(at, value, with_range("a finite number", bounds));
    return false;
  }
  number = value.get<double>();
  return expect_within(at, value, number, bounds);
}

std::string OptionDescriber::range(Bounds bounds) {
  return range_of(bounds);
}
std::string OptionDescriber::listed(const Choices& choices) {
  return join(choices.names, " | ");
}

void throw_option_problems(std::vector<std::string> problems) {
  throw Error(Exit::config, std::move(problems));
}

void set_option(Json& object, const std::string& assignment) {
  const size_t equals = assignment.find('=');
  const std::string where = "--set " + quote(assignment);
  if (equals == std::string::npos)
    throw Error(Exit::usage, where, "got no '=', expected key=value, such as train.epochs=3");
  const std::string_view text = trim(std::string_view(assignment).substr(equals + 1));
  Json value;
  try {
    const bool is_yaml = !text.empty() && std::string_view("[{\"'").find(text[0]) != text.npos;
    value = is_yaml ? parse_yaml(text, where) : yaml_scalar(text, where);
  } catch (const Error& error) {
    throw Error(Exit::usage, error.lines());
  }
  Json* place = &object;
  for (const std::string& part : split(trim(std::string_view(assignment).substr(0, equals)), '.')) {
    if (part.empty()) throw Error(Exit::usage, where, "a part of the key is empty");
    if (place->is_null()) *place = Json::object();
    if (!place->is_object())
      throw Error(Exit::usage, where,
                  "what comes before " + quote(part) + " is a value, not a section");
    place = &(*place)[part];
  }
  *place = std::move(value);
}

}  // namespace kindred
