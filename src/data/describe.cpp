#include "data/describe.h"

#include <algorithm>

#include "core/error.h"
#include "core/hash.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/atomic.h"
#include "data/dataset.h"
#include "data/find_files.h"
#include "data/lines.h"
#include "data/numbers.h"
#include "data/prepared.h"
#include "data/raw.h"
#include "data/store.h"
#include "data/text_tables.h"

namespace kindred::data {

namespace fs = std::filesystem;

namespace {

std::string first_line(const fs::path& path) {
  LineReader lines(path);
  std::string_view line;
  while (lines.next(line))
    if (!trim(line).empty()) return std::string(line);
  return {};
}

bool has_key(const std::string& line, const std::string& key) {
  return line.find("\"" + key + "\"") != std::string::npos ||
         line.find("'" + key + "'") != std::string::npos;
}

std::optional<std::string> guess_json(const std::string& line) {
  if (has_key(line, "business_id") && has_key(line, "user_id")) return "yelp";
  if (has_key(line, "user_id") && (has_key(line, "parent_asin") || has_key(line, "asin")))
    return "amazon-2023";
  if (!has_key(line, "reviewerID") || !has_key(line, "asin")) return "jsonl";
  return has_key(line, "helpful") ? "amazon-2014" : "amazon-2018";
}

bool all_words_are_numbers(const std::string& line, size_t& words) {
  words = 0;
  for (const std::string& word : split(line, ' ')) {
    if (word.empty()) continue;
    if (!parse_number(word)) return false;
    ++words;
  }
  return words > 0;
}

std::optional<std::string> guess_file(const fs::path& path) {
  const std::string name = path.filename().string();
  if (has_data_suffix(name, {".inter"})) return "recbole";
  const bool known = has_data_suffix(
      name, {".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".dat", ".txt", "u.data"});
  if (!known) return {};
  const std::string line = first_line(path);
  if (line.starts_with("{")) return guess_json(line);
  if (line.starts_with("userId,movieId") || line.find("::") != std::string::npos)
    return "movielens";
  if (has_data_suffix(name, {"u.data"})) return "movielens";
  if (has_data_suffix(name, {".csv"}))
    return line.starts_with("user_id,parent_asin") ? "amazon-2023" : "csv";
  if (has_data_suffix(name, {".tsv"})) return "tsv";
  size_t words = 0;
  if (has_data_suffix(name, {".txt"}) && all_words_are_numbers(line, words))
    return words == 2 ? "user-item" : "user-items";
  return {};
}

bool is_meta(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.starts_with("meta") || name.find("business") != std::string::npos ||
         has_data_suffix(name, {"user.json", "users.dat", "movies.dat", "movies.csv"});
}

/// Counts rows and distinct ids.
class Counter : public RowSink {
 public:
  void row(const RawRow& row) override {
    ++rows;
    users.add(row.user);
    items.add(row.item);
    texts += !row.review.empty();
    note("user", row.user);
    note("item", row.item);
  }
  int64_t rows = 0, texts = 0, blanks = 0;
  std::string first_blank;  ///< such as "user id 'a b'"
  IdMap users, items;

 private:
  void note(const char* what, std::string_view id) {
    if (has_blank(id) && blanks++ == 0) first_blank = cat(what, " id '", shown(id), "'");
  }
};

std::string counted(int64_t rows, int64_t users, int64_t items) {
  return cat(with_commas(rows), " interactions of ", with_commas(users), " users with ",
             with_commas(items), " items");
}

std::string bad_rows_problem(const BadRows& bad) {
  return cat(bad.first(), " (first of ", with_commas(static_cast<long long>(bad.bad_count())),
             " rows that cannot be read)");
}

Description describe_raw(const fs::path& path, const std::string& format) {
  RawOptions options;
  options.format = format;
  BadRows bad("100%");
  ReadContext context{bad, {}, {}};
  Counter counter;
  Description description;
  try {
    open_raw(path, options)->interactions(counter, context);
  } catch (const Error& error) {
    description.problems.emplace_back(error.what());
  }
  description.what = cat("raw data, format ", format, ": ",
                         counted(counter.rows, counter.users.size(), counter.items.size()));
  if (counter.texts > 0) description.what += cat(", ", with_commas(counter.texts), " reviews");
  if (bad.bad_count() > 0) description.problems.push_back(bad_rows_problem(bad));
  if (counter.blanks > 0)
    description.problems.push_back(cat(path.string(), ": ", counter.first_blank,
                                       " holds a blank (first of ", with_commas(counter.blanks),
                                       "); prepare needs --replace-id-spaces _"));
  return description;
}

/// A person's own table, of which only its owner knows what the columns mean.
Description describe_table(const fs::path& path, const std::string& format) {
  Description description{cat("a table (", format, ")"), {}};
  BadRows bad("100%");
  try {
    if (!fs::is_directory(path)) {
      Delimited syntax;
      if (format == "tsv") syntax.separator = "\t";
      const auto records = open_table(path, {}, bad, format);
      int64_t rows = 0;
      while (records->next()) ++rows;
      description.what += cat(": ", with_commas(rows), " rows");
      if (format != "jsonl")
        description.what +=
            cat(", columns ", shown(join(delimited_header(path, syntax), ", "), 300));
    }
  } catch (const Error& error) {
    description.problems.emplace_back(error.what());
  }
  if (bad.bad_count() > 0) description.problems.push_back(bad_rows_problem(bad));
  description.what +=
      cat("; prepare reads it with --format ", format, " and --columns user=NAME,item=NAME");
  return description;
}

/// The files of dataset.json against what is there.
void check_files(const fs::path& folder, const Json& info, std::vector<std::string>& problems) {
  if (!info.is_object() || !info.contains("files")) return;
  for (const auto& [name, hash] : info["files"].items()) {
    const fs::path file = folder / name;
    if (!fs::exists(file))
      problems.push_back(cat(file.string(), ": is missing"));
    else if (!hash.is_string() || file_fingerprint(file) != hash.get<std::string>())
      problems.push_back(cat(file.string(), ": is not the file that dataset.json was written for"));
  }
}

Description describe_split(const fs::path& folder) {
  Description description;
  const bool prepared = fs::exists(folder / "dataset.json");
  description.what = prepared ? "prepared folder" : "RecBole atomic files, split";
  try {
    if (prepared) check_files(folder, read_prepared_info(folder), description.problems);
    const auto dataset = load_dataset(folder);
    int64_t rows = 0;
    for (const Part part : all_parts) rows += dataset->part(part).size();
    description.what += cat(": ", counted(rows, dataset->user_count(), dataset->item_count()));
    for (const Part part : all_parts)
      description.what += cat(", ", part_name(part), " ", with_commas(dataset->part(part).size()));
    description.what += cat(", fingerprint ", dataset->fingerprint.substr(0, 12));
  } catch (const Error& error) {
    description.problems.insert(description.problems.end(), error.lines().begin(),
                                error.lines().end());
  }
  return description;
}

bool has_atomic_files(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".inter") return true;
  return false;
}

Description describe_side(const fs::path& path) {
  Description description;
  description.what = cat("RecBole ", path.extension() == ".item" ? "item" : "user", " file");
  try {
    LineReader lines(path);
    std::string_view line;
    if (!lines.next(line)) throw Error(Exit::bad_data, path.string(), "is empty");
    const std::vector<Field> fields = parse_header(line, lines.where());
    std::vector<std::string_view> row;
    int64_t rows = 0;
    for (; lines.next(line); ++rows) {
      split_fields(line, '\t', row);
      if (row.size() != fields.size())
        throw Error(Exit::bad_data, lines.where(),
                    cat("has ", row.size(), " fields, the header has ", fields.size()));
    }
    description.what += cat(": ", with_commas(rows), " rows, fields");
    for (const Field& field : fields) description.what += " " + field.name;
  } catch (const Error& error) {
    description.problems.emplace_back(error.what());
  }
  return description;
}

}  // namespace

std::optional<std::string> guess_format(const fs::path& path) {
  if (!fs::is_directory(path)) return guess_file(path);
  const FolderFiles folder = list_data_files(path);
  if (has_atomic_files(path)) return "recbole";
  for (const fs::path& file : folder.files)
    if (!is_meta(file))
      if (const auto format = guess_file(file)) return format;
  return {};
}

std::optional<Description> describe(const fs::path& path) {
  if (!fs::exists(path)) throw Error(Exit::missing, path.string(), "no such file or folder");
  if (fs::is_directory(path)) {
    if (fs::exists(path / "dataset.json")) return describe_split(path);
    if (has_atomic_files(path)) {
      try {
        if (find_atomic_files(path).split()) return describe_split(path);
      } catch (const Error& error) {
        return Description{"RecBole atomic files", {error.what()}};
      }
    }
  } else if (path.extension() == ".item" || path.extension() == ".user") {
    return describe_side(path);
  }
  std::optional<std::string> format;
  try {
    format = guess_format(path);
  } catch (const Error& error) {
    return Description{"raw data", {error.what()}};
  }
  if (!format) return {};
  if (*format == "csv" || *format == "tsv" || *format == "jsonl")
    return describe_table(path, *format);
  return describe_raw(path, *format);
}

}  // namespace kindred::data
