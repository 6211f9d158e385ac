#pragma once
// Files of item or user texts: one row an id.

#include <filesystem>
#include <string>
#include <vector>

#include "data/raw.h"

namespace kindred::data {

/// One text column: its name in the prepared folder, the source's columns it is made of, and what
/// is put between the parts of a list.
struct TextField {
  std::string name;
  ColumnName source;
  std::string separator = " ";
};

/// Reads rows whose cell 0 is the id and whose cell i + 1 is the text of `fields[i]`.
void read_texts(Records& records, const std::vector<TextField>& fields, TextSink& sink,
                ReadContext& context);

/// The columns of such records: the id's, then the texts'.
ColumnNames text_columns(const ColumnName& id, const std::vector<TextField>& fields);

/// Opens a person's own table by its name: .jsonl, .json, .tsv, .item, .user, or else CSV. Columns
/// whose names are all numbers mean that there is no header.
std::unique_ptr<Records> open_table(const std::filesystem::path& path, const ColumnNames& columns,
                                    BadRows& bad, const std::string& format = "",
                                    const std::string& separator = "");

/// Texts from a file the options name (`items`, `item_columns`; `users`, `user_columns`), whatever
/// the format of the interactions. `id` is "item" or "user".
void read_named_texts(const std::filesystem::path& path, const Json& columns, const char* id,
                      TextSink& sink, ReadContext& context);

}  // namespace kindred::data
