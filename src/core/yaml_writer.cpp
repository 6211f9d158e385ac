#include <yaml-cpp/emitter.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "core/yaml.h"

namespace kindred {
namespace {

constexpr size_t line_width = 100;

/// Whether some reader would take the unquoted text for something else: by our schema, by YAML
/// 1.1's words, or as a number, date or time of any schema.
bool is_ambiguous(const std::string& text) {
  if (text.empty() || !yaml_scalar(text).is_string()) return true;
  const char first = text.front();
  if ((first >= '0' && first <= '9') || std::string_view("+-.=<").find(first) < 5) return true;
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), ::tolower);
  static constexpr std::string_view words[] = {"y", "n", "yes", "no", "on", "off"};
  return std::find(std::begin(words), std::end(words), lower) != std::end(words);
}

/// Whether the text has characters that some readers take for ends of lines, or drop.
bool has_hidden(const std::string& text) {
  for (const char* hidden : {"\x7f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf"})
    if (text.find(hidden) != std::string::npos) return true;
  return false;
}

void write_text(YAML::Emitter& out, const std::string& text) {
  if (has_hidden(text))
    out << YAML::DoubleQuoted << YAML::EscapeNonAscii;
  else if (is_ambiguous(text))
    out << YAML::DoubleQuoted;
  out << sanitize_utf8(text);
}

std::string float_scalar(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = shortest_number(value);
  // Without a point or exponent it would be read back as an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

void write_scalar(YAML::Emitter& out, const Json& value) {
  if (value.is_string())
    write_text(out, value.get_ref<const std::string&>());
  else if (value.is_null())
    out << YAML::LowerNull << YAML::Null;
  else
    out << (value.is_number_float() ? float_scalar(value.get<double>()) : value.dump());
}

/// Whether a list of scalars is short enough to stand on one line.
bool is_one_line(const Json& list) {
  size_t width = 0;
  for (const Json& element : list) {
    if (element.is_structured()) return false;
    width += element.dump(-1, ' ', false, Json::error_handler_t::replace).size() + 2;
  }
  return width < line_width;
}

void write(YAML::Emitter& out, const Json& value) {
  if (!value.is_structured()) {
    write_scalar(out, value);
    return;
  }
  if (value.is_array()) {
    if (is_one_line(value)) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const Json& element : value) write(out, element);
    out << YAML::EndSeq;
    return;
  }
  if (value.empty()) out << YAML::Flow;
  out << YAML::BeginMap;
  for (const auto& [name, member] : value.items()) {
    out << YAML::Key;
    // A reader need not look further than 1,024 characters for the colon of a key.
    out << (name.size() > 1000 ? YAML::LongKey : YAML::Auto);
    write_text(out, name);
    out << YAML::Value;
    write(out, member);
  }
  out << YAML::EndMap;
}

}  // namespace

std::string to_yaml(const Json& value) {
  YAML::Emitter out;
  write(out, value);
  check(out.good(), "every JSON value can be written as YAML");
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace kindred
