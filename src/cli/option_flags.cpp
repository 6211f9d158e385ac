#include "cli/option_flags.h"

#include "core/error.h"
#include "core/strings.h"
#include "core/yaml.h"

namespace kindred::cli {
namespace {

std::string flag_name(const std::string& option,
                      const std::map<std::string, std::string>& renamed) {
  const auto found = renamed.find(option);
  std::string name = found == renamed.end() ? option : found->second;
  for (char& c : name)
    if (c == '_' || c == '.') c = '-';
  return name;
}

Json parsed(const OptionRow& row, const std::string& text) {
  if (row.type == "text" || row.type == "text or null") return text;
  if (!row.type.starts_with("list")) return yaml_scalar(text, "--" + row.name);
  Json array = Json::array();
  for (const std::string& part : split(text, ','))
    array.push_back(yaml_scalar(part, "--" + row.name));
  return array;
}

}  // namespace

void OptionFlags::add(CLI::App& command, const std::vector<OptionRow>& rows,
                      const std::map<std::string, std::string>& renamed) {
  for (const OptionRow& row : rows) {
    const std::string name = flag_name(row.name, renamed);
    if (name.empty()) continue;
    Typed& typed = typed_.emplace_back(Typed{row, nullptr, ""});
    std::string help = row.help;
    if (!row.allowed.empty()) help += " [" + row.allowed + "]";
    if (row.default_value != "null" && row.default_value != "\"\"" && row.default_value != "{}")
      help += " (default " + row.default_value + ")";
    typed.option = command.add_option("--" + name, typed.text, help);
    typed.option->type_name("");
  }
}

Json OptionFlags::values() const {
  Json json = Json::object();
  for (const Typed& typed : typed_) {
    if (typed.option->count() == 0) continue;
    Json* at = &json;
    const std::vector<std::string> path = split(typed.row.name, '.');
    for (const std::string& part : path) at = &(*at)[part];
    *at = parsed(typed.row, typed.text);
  }
  return json;
}

void throw_usage(std::vector<std::string> problems) {
  throw Error(Exit::usage, std::move(problems));
}

}  // namespace kindred::cli
