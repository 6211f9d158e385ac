// Delimited text as records.

#include <algorithm>
#include <charconv>
#include <deque>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/delimited.h"
#include "data/lines.h"
#include "data/records.h"

namespace kindred::data {

namespace {

constexpr size_t longest_record = size_t{4} << 20;
constexpr size_t most_lines = 2000;

class DelimitedRecords : public Records {
 public:
  DelimitedRecords(LineReader lines, const Delimited& syntax, const ColumnNames& columns,
                   BadRows& bad)
      : lines_(std::move(lines)), syntax_(syntax), splitter_(syntax_), bad_(bad) {
    if (syntax.header == Delimited::Header::none) {
      for (const ColumnName& column : columns) places_.push_back(numbered(column));
    } else {
      const std::vector<std::string> names = read_header();
      for (const ColumnName& column : columns) places_.push_back(named(column, names));
      width_ = names.size();
    }
    least_ = 1;
    for (size_t i = 0; i < columns.size(); ++i)
      if (columns[i].required) least_ = std::max(least_, static_cast<size_t>(places_[i]) + 1);
  }

  bool next() override {
    std::string_view line;
    while (fetch(line)) {
      if (trim(line).empty()) continue;
      if (!splitter_.start(line) && !join_lines()) {
        bad_.bad(where(), "a quoted field opens here and does not close");
        continue;
      }
      const size_t size = splitter_.fields().size();
      if (width_ > 0 ? size == width_ : size >= least_) return true;
      bad_.bad(where(), cat("has ", size, " fields, expected ",
                            width_ > 0 ? cat(width_) : cat("at least ", least_)));
    }
    return false;
  }

  Cell cell(size_t column) const override {
    const int place = places_[column];
    const auto& fields = splitter_.fields();
    if (place < 0 || static_cast<size_t>(place) >= fields.size()) return {};
    return {Cell::Kind::text, fields[static_cast<size_t>(place)]};
  }
  std::string where() const override { return cat(lines_.path().string(), ":", number_); }

  std::vector<std::string> read_header() {
    std::string_view line;
    if (!fetch(line) || (!splitter_.start(line) && !join_lines()))
      throw Error(Exit::bad_data, lines_.path().string(), "has no header line");
    std::vector<std::string> names;
    for (const std::string_view field : splitter_.fields()) {
      std::string name(trim(field));
      if (syntax_.header == Delimited::Header::typed) name = name.substr(0, name.rfind(':'));
      names.push_back(std::move(name));
    }
    return names;
  }

 private:
  struct Pending {
    std::string line;
    uint64_t number;
  };

  int numbered(const ColumnName& column) const {
    int number = 0;
    const std::string& name = column.names.front();
    const auto result = std::from_chars(name.data(), name.data() + name.size(), number);
    if (result.ptr != name.data() + name.size() || number < 1)
      throw Error(Exit::usage, "columns",
                  cat("got '", name, "', expected a column number from 1 (there is no header)"));
    return number - 1;
  }

  int named(const ColumnName& column, const std::vector<std::string>& names) const {
    const std::string where = cat(lines_.path().string(), ":1");
    for (const std::string& wanted : column.names) {
      const auto found = std::find(names.begin(), names.end(), wanted);
      if (found == names.end()) continue;
      if (std::find(found + 1, names.end(), wanted) != names.end())
        throw Error(Exit::bad_data, where,
                    cat("has two columns '", wanted, "', and only one can be meant; rename one"));
      return static_cast<int>(found - names.begin());
    }
    if (!column.required) return -1;
    throw Error(
        Exit::bad_data, where,
        cat("has no column '", column.names.front(), "'", suggestion(column.names.front(), names),
            "; its columns are ", shown(join(names, ", "), 300), separator_hint(names)));
  }

  /// What may be wrong where the whole header is one column.
  static std::string separator_hint(const std::vector<std::string>& names) {
    if (names.size() != 1) return {};
    for (const char* separator : {";", "|", ","})
      if (names[0].find(separator) != std::string::npos)
        return cat("; if '", separator, "' stands between them, give --field-separator '",
                   separator, "'");
    return names[0].find('\t') == std::string::npos ? ""
                                                    : "; with tabs between them it is --format tsv";
  }

  /// The next line as UTF-8, from those put back or from the file.
  bool fetch(std::string_view& line) {
    while (true) {
      if (!pending_.empty()) {
        current_ = std::move(pending_.front().line);
        number_ = pending_.front().number;
        pending_.pop_front();
        line = current_;
        return true;
      }
      if (!lines_.next(line)) return false;
      number_ = lines_.number();
      if (!lines_.too_long()) break;
      bad_.bad(where(), cat("line above ", LineReader::default_max_line, " bytes"));
    }
    if (is_utf8(line)) return true;
    current_.clear();
    if (syntax_.latin1) {
      append_latin1(current_, line);
    } else {
      repairs_.bytes += append_sanitized(current_, line).bytes;
      ++repairs_.rows;
    }
    line = current_;
    return true;
  }

  /// Adds lines to a record whose quoted field is open, until it closes. Where it never does, the
  /// lines added are put back.
  bool join_lines() {
    const uint64_t number = number_;
    std::deque<Pending> added;
    std::string_view line;
    size_t bytes = 0;
    bool closed = false;
    while (!closed && bytes < longest_record && added.size() < most_lines && fetch(line)) {
      added.push_back({std::string(line), number_});
      bytes += line.size();
      closed = splitter_.more(added.back().line);
    }
    number_ = number;
    if (closed)
      held_ = std::move(added);
    else
      pending_.insert(pending_.begin(), added.begin(), added.end());
    return closed;
  }

  LineReader lines_;
  Delimited syntax_;
  FieldSplitter splitter_;
  BadRows& bad_;
  std::vector<int> places_;
  size_t width_ = 0, least_ = 0;
  std::deque<Pending> pending_;  // lines put back
  std::deque<Pending> held_;     // lines of the current record after its first
  std::string current_;
  uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<Records> open_delimited(LineReader lines, const Delimited& syntax,
                                        const ColumnNames& columns, BadRows& bad) {
  return std::make_unique<DelimitedRecords>(std::move(lines), syntax, columns, bad);
}

std::vector<std::string> delimited_header(const std::filesystem::path& path,
                                          const Delimited& syntax) {
  LineReader lines(path);
  FieldSplitter splitter(syntax);
  std::string_view line;
  if (!lines.next(line)) throw Error(Exit::bad_data, path.string(), "is empty");
  splitter.start(line);
  return {splitter.fields().begin(), splitter.fields().end()};
}

}  // namespace kindred::data
