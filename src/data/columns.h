#pragma once
// Columns named on the command line: "user=…,item=…".

#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace kindred::data {

/// Roles and the columns that play them, in the order given.
using ColumnRoles = std::vector<std::pair<std::string, std::string>>;

/// Reads `{user: buyer, item: sku}` or "user=buyer,item=sku". Throws `usage` naming `option` where
/// it is neither, a role occurs twice or a column is empty.
ColumnRoles parse_columns(const Json& value, const char* option);
/// The column of a role, or empty.
std::string column_of(const ColumnRoles& roles, std::string_view role);
/// Throws `usage` where a role is missing.
std::string require_column(const ColumnRoles& roles, std::string_view role, const char* option);

}  // namespace kindred::data
