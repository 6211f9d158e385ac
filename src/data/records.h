#pragma once
// Records: rows of named cells, whatever the file's syntax (JSON lines, delimited text).

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/bad_rows.h"
#include "data/lines.h"

namespace kindred::data {

/// One value of a row. Views live until the next row.
struct Cell {
  enum class Kind { absent, text, number, compound };
  Kind kind = Kind::absent;
  std::string_view text;  ///< the text, the number's digits, or the JSON of a list or object

  bool present() const { return kind != Kind::absent; }
};

/// What the rows' texts had to go through.
struct TextRepairs {
  uint64_t bytes = 0;  ///< ill-formed bytes replaced by U+FFFD
  uint64_t rows = 0;   ///< rows with such bytes
};

/// A file's rows. Rows that cannot be read are counted by the BadRows given and skipped.
class Records {
 public:
  virtual ~Records() = default;
  virtual bool next() = 0;
  /// A cell of the current row, by the number of its name in the constructor's list.
  virtual Cell cell(size_t column) const = 0;
  /// "file:line" of the current row.
  virtual std::string where() const = 0;
  const TextRepairs& repairs() const { return repairs_; }

 protected:
  TextRepairs repairs_;
};

/// A wanted column: its name, or names of which the first that is there counts.
struct ColumnName {
  std::vector<std::string> names;
  bool required = true;

  ColumnName(const char* name) : names{name} {}
  ColumnName(std::string name, bool required_here = true)
      : names{std::move(name)}, required(required_here) {}
  ColumnName(std::vector<std::string> alternatives, bool required_here = true)
      : names(std::move(alternatives)), required(required_here) {}
};
using ColumnNames = std::vector<ColumnName>;

/// JSON objects, one a line; lines that are Python literals (dicts) are read as well. Keys may be
/// absent in any row.
std::unique_ptr<Records> open_json_lines(LineReader lines, const ColumnNames& columns,
                                         BadRows& bad);

/// How a delimited file is written.
struct Delimited {
  /// Whether a field may be quoted as in CSV. `one_line`: only where the quotes close on the line
  /// and before a separator; otherwise they are ordinary characters.
  enum class Quotes { none, one_line, several_lines };
  enum class Header { names, typed, none };  ///< typed: `name:type`, as RecBole writes them
  std::string separator = ",";
  Quotes quotes = Quotes::several_lines;
  Header header = Header::names;
  bool latin1 = false;  ///< lines that are no UTF-8 are Latin-1
};

/// Delimited text. Columns are found by the header's names, or are numbers from 1 where there is no
/// header. Throws `bad_data` where a required column is missing, naming the nearest one.
std::unique_ptr<Records> open_delimited(LineReader lines, const Delimited& syntax,
                                        const ColumnNames& columns, BadRows& bad);

/// The column names of a delimited file's header. Throws `bad_data` where the file is empty.
std::vector<std::string> delimited_header(const std::filesystem::path& path,
                                          const Delimited& syntax);

/// The texts of a JSON list (nested lists too), or the one text.
std::vector<std::string> list_of_texts(const Cell& cell);

}  // namespace kindred::data
