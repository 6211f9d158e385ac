#include "data/columns.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

ColumnRoles parse_columns(const Json& value, const char* option) {
  ColumnRoles roles;
  const auto fail = [&](const std::string& got) {
    throw Error(Exit::usage, option,
                cat("got '", got, "', expected role=column pairs such as user=buyer,item=sku"));
  };
  const auto add = [&](const std::string& role, const std::string& column) {
    if (role.empty() || column.empty()) fail(cat(role, "=", column));
    if (!column_of(roles, role).empty())
      throw Error(Exit::usage, option, cat("the role '", role, "' is given twice"));
    roles.emplace_back(role, column);
  };
  if (value.is_null()) return roles;
  if (value.is_object()) {
    for (const auto& [role, column] : value.items()) {
      if (!column.is_string() && !column.is_number_unsigned()) fail(column.dump());
      add(role, column.is_string() ? column.get<std::string>() : column.dump());
    }
  } else if (value.is_string()) {
    if (value.get<std::string>().empty()) return roles;
    for (const std::string& pair : split(value.get<std::string>(), ',')) {
      const size_t equals = pair.find('=');
      if (equals == std::string::npos) fail(pair);
      add(std::string(trim(pair.substr(0, equals))), std::string(trim(pair.substr(equals + 1))));
    }
  } else {
    fail(value.dump());
  }
  return roles;
}

std::string column_of(const ColumnRoles& roles, std::string_view role) {
  for (const auto& [name, column] : roles)
    if (name == role) return column;
  return {};
}

std::string require_column(const ColumnRoles& roles, std::string_view role, const char* option) {
  std::string column = column_of(roles, role);
  if (!column.empty()) return column;
  if (roles.empty())
    throw Error(Exit::usage, option,
                cat("is not given; name the columns, such as ", role, "=NAME"));
  std::vector<std::string> given;
  for (const auto& [name, unused] : roles) given.push_back(name);
  throw Error(Exit::usage, option,
              cat("names no column for '", role, "' (it names ", join(given, ", "), "); give ",
                  role, "=NAME"));
}

}  // namespace kindred::data
