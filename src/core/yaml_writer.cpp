#include <cmath>

#include "core/strings.h"
#include "core/yaml.h"

namespace kindred {
namespace {

constexpr size_t line_width = 100;

/// Whether a text can stand without quotes: ordinary characters only, and nothing else by meaning.
bool is_plain(const std::string& text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(text.front()) && text.front() != '/' && text.front() != '_') return false;
  for (const char c : text)
    if (!is_letter(c) && !(c >= '0' && c <= '9') &&
        std::string_view(" _-./@+%()").find(c) == std::string_view::npos)
      return false;
  return yaml_scalar(text).is_string();
}

std::string text_scalar(const std::string& text) {
  if (is_plain(text)) return text;
  // JSON's escapes are YAML's too; all but ASCII is kept apart from what some readers take for line
  // ends.
  std::string escaped = Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  for (const auto& [from, to] : {std::pair<std::string, std::string>{"\x7f", "\\x7f"},
                                 {"\xc2\x85", "\\u0085"},
                                 {"\xe2\x80\xa8", "\\u2028"},
                                 {"\xe2\x80\xa9", "\\u2029"},
                                 {"\xef\xbb\xbf", "\\ufeff"}})
    for (size_t at = escaped.find(from); at != std::string::npos; at = escaped.find(from, at))
      escaped.replace(at, from.size(), to);
  return escaped;
}

std::string float_scalar(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = shortest_number(value);
  // Without a point or exponent it would be read back as an integer.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string scalar(const Json& value) {
  if (value.is_string()) return text_scalar(value.get_ref<const std::string&>());
  if (value.is_number_float()) return float_scalar(value.get<double>());
  return value.dump();
}

bool is_flat(const Json& value) {
  if (value.empty()) return true;
  if (!value.is_array()) return false;
  for (const Json& element : value)
    if (element.is_structured()) return false;
  return true;
}

/// An empty collection or a list of scalars on one line.
std::string flow(const Json& value) {
  if (value.is_object()) return "{}";
  std::vector<std::string> parts;
  for (const Json& element : value) parts.push_back(scalar(element));
  return "[" + join(parts, ", ") + "]";
}

void write(const Json& value, size_t indent, std::string& out);

/// What follows "key:" or "-": a scalar or short list on the same line, anything else below it.
void write_member(const Json& value, size_t indent, std::string& out) {
  if (!value.is_structured()) {
    out += " " + scalar(value) + "\n";
    return;
  }
  const std::string line = is_flat(value) ? flow(value) : "";
  if (!line.empty() && (value.empty() || indent + line.size() < line_width)) {
    out += " " + line + "\n";
    return;
  }
  out += "\n";
  write(value, indent + 2, out);
}

void write(const Json& value, size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  if (value.is_array()) {
    for (const Json& element : value) {
      out += margin + "-";
      write_member(element, indent, out);
    }
    return;
  }
  for (const auto& [name, member] : value.items()) {
    const std::string key = text_scalar(name);
    // A reader need not look further than 1,024 characters for the colon of a key.
    out += key.size() < 1000 ? margin + key + ":" : margin + "? " + key + "\n" + margin + ":";
    write_member(member, indent, out);
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  if (!value.is_structured()) return scalar(value) + "\n";
  if (is_flat(value)) return flow(value) + "\n";
  write(value, 0, out);
  return out;
}

}  // namespace kindred
