#include "data/text_tables.h"

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "data/columns.h"
#include "data/find_files.h"

namespace kindred::data {
namespace {

std::string cell_text(const Cell& cell, const std::string& separator) {
  if (cell.kind != Cell::Kind::compound) return std::string(cell.text);
  std::vector<std::string> distinct;
  for (std::string& text : list_of_texts(cell))
    if (!text.empty() && std::find(distinct.begin(), distinct.end(), text) == distinct.end())
      distinct.push_back(std::move(text));
  return join(distinct, separator);
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

void read_texts(Records& records, const std::vector<TextField>& fields, TextSink& sink,
                ReadContext& context) {
  uint64_t rows = 0;
  while (records.next()) {
    if (++rows % 4096 == 0) check_stop(context.stop);
    const Cell id = records.cell(0);
    if (!id.present() || id.text.empty()) {
      context.bad.bad(records.where(), "no id");
      continue;
    }
    context.bad.good();
    if (!sink.begin(id.text)) continue;
    for (size_t i = 0; i < fields.size(); ++i)
      sink.text(fields[i].name, cell_text(records.cell(i + 1), fields[i].separator));
  }
  context.report.replaced_bytes += records.repairs().bytes;
  context.report.replaced_rows += records.repairs().rows;
}

ColumnNames text_columns(const ColumnName& id, const std::vector<TextField>& fields) {
  ColumnNames columns{id};
  for (const TextField& field : fields) columns.push_back(field.source);
  return columns;
}

std::unique_ptr<Records> open_table(const std::filesystem::path& path, const ColumnNames& columns,
                                    BadRows& bad, const std::string& format,
                                    const std::string& separator) {
  const std::string name = path.filename().string();
  const bool by_name = format.empty();
  if (format == "jsonl" || (by_name && has_data_suffix(name, {".jsonl", ".json", ".ndjson"})))
    return open_json_lines(path, columns, bad);
  Delimited syntax;
  const bool atomic = by_name && has_data_suffix(name, {".item", ".user", ".inter"});
  if (atomic || format == "tsv" || (by_name && has_data_suffix(name, {".tsv", ".tab"})))
    syntax.separator = "\t";
  if (!separator.empty()) syntax.separator = separator;
  if (atomic) {
    syntax.header = Delimited::Header::typed;
    syntax.quotes = Delimited::Quotes::one_line;
  }
  const bool numbered = std::all_of(columns.begin(), columns.end(), [](const ColumnName& column) {
    return is_number(column.names.front());
  });
  if (numbered && !columns.empty()) {
    const auto header = delimited_header(path, syntax);
    const bool named =
        std::find(header.begin(), header.end(), columns[0].names.front()) != header.end();
    if (!named) syntax.header = Delimited::Header::none;
  }
  return open_delimited(path, syntax, columns, bad);
}

void read_named_texts(const std::filesystem::path& path, const Json& columns, const char* id,
                      TextSink& sink, ReadContext& context) {
  const std::string option = cat(id, "-columns");
  const ColumnRoles roles = parse_columns(columns, option.c_str());
  const std::string id_column = require_column(roles, id, option.c_str());
  std::vector<TextField> fields;
  for (const auto& [role, column] : roles)
    if (role != id) fields.push_back({role, column, role == "categories" ? " | " : " "});
  if (fields.empty())
    throw Error(Exit::usage, option, "names no text column; give for example title=NAME");
  auto records = open_table(path, text_columns(id_column, fields), context.bad);
  read_texts(*records, fields, sink, context);
}

}  // namespace kindred::data
