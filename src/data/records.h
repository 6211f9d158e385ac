#pragma once
// Records: rows of named cells, whatever the file's syntax (JSON lines, delimited text).

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/bad_rows.h"

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

/// JSON objects, one a line; lines that are Python literals (dicts) are read as well. A name with
/// alternatives ("parent_asin|asin") takes the first key that a row has.
std::unique_ptr<Records> open_json_lines(const std::filesystem::path& path,
                                         const std::vector<std::string>& names, BadRows& bad);

/// How a delimited file is written.
struct Delimited {
  enum class Quotes { none, one_line, several_lines };
  enum class Encoding { utf8, utf8_or_latin1 };
  std::string separator = ",";
  Quotes quotes = Quotes::several_lines;
  Encoding encoding = Encoding::utf8;
  bool header = true;                     ///< the first line names the columns
  std::vector<std::string> header_names;  ///< the names where there is no header line
  bool typed_header = false;              ///< names are `name:type`, as RecBole writes them
};

/// Delimited text. Every name must be a column (throws `bad_data` with the nearest one), except
/// those ending in "?", which may be absent.
std::unique_ptr<Records> open_delimited(const std::filesystem::path& path, const Delimited& syntax,
                                        const std::vector<std::string>& names, BadRows& bad);

/// The column names of a delimited file's header. Throws `bad_data` where there is none.
std::vector<std::string> delimited_header(const std::filesystem::path& path,
                                          const Delimited& syntax);

/// The texts of a JSON list (nested lists too), or the one text.
std::vector<std::string> list_of_texts(const Cell& cell);

}  // namespace kindred::data
