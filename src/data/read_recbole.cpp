// RecBole atomic files as raw data.

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "data/atomic.h"
#include "data/columns.h"
#include "data/dataset.h"
#include "data/lines.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

AtomicFiles files_of(const fs::path& input) {
  if (fs::is_directory(input)) return find_atomic_files(input);
  AtomicFiles files;
  files.whole = input;
  files.name = input.stem().string();
  for (const auto& [suffix, side] : {std::pair{".item", &files.items}, {".user", &files.users}}) {
    const fs::path beside = fs::path(input).replace_extension(suffix);
    if (fs::exists(beside)) *side = beside;
  }
  return files;
}

/// Puts blanks between the parts of a sequence that another character divides.
class Respaced : public TextSink {
 public:
  Respaced(TextSink& sink, const std::string& separator) : sink_(sink), separator_(separator) {}
  bool begin(std::string_view id) override { return sink_.begin(id); }
  void text(std::string_view column, std::string_view text) override {
    if (separator_.size() != 1) return sink_.text(column, text);
    std::string spaced(text);
    std::replace(spaced.begin(), spaced.end(), separator_[0], ' ');
    sink_.text(column, spaced);
  }

 private:
  TextSink& sink_;
  std::string separator_;
};

class RecboleReader : public RawReader {
 public:
  RecboleReader(const fs::path& input, const RawOptions& options)
      : options_(options),
        files_(files_of(input)),
        roles_(parse_columns(options.columns, "columns")) {
    syntax_.separator = options.field_separator.empty() ? "\t" : options.field_separator;
    syntax_.quotes = Delimited::Quotes::one_line;
    syntax_.header = Delimited::Header::typed;
    if (!options.items.empty()) files_.items = options.items;
    if (!options.users.empty()) files_.users = options.users;
    const fs::path& first = files_.split() ? files_.parts[0] : files_.whole;
    const std::vector<Field> fields = header(first);
    const auto has = [&](const char* role, const char* usual) {
      return find_field(fields, name(role, usual)) >= 0;
    };
    columns_ = {.rating = has("rating", "rating"),
                .label = has("label", "label"),
                .time = has("time", "timestamp"),
                .review = has("review", "review")};
  }

  RawColumns columns() const override { return columns_; }
  bool split() const override { return files_.split(); }

  void interactions(RowSink& sink, ReadContext& context) override {
    if (!files_.split()) return read(files_.whole, -1, sink, context);
    for (const Part part : all_parts) {
      const auto p = static_cast<size_t>(part);
      if (!files_.parts[p].empty()) read(files_.parts[p], static_cast<int>(p), sink, context);
    }
  }

  void item_texts(TextSink& sink, ReadContext& context) override {
    side(files_.items, name("item", "item_id"), options_.item_columns, "item", sink, context);
  }
  void user_texts(TextSink& sink, ReadContext& context) override {
    side(files_.users, name("user", "user_id"), options_.user_columns, "user", sink, context);
  }

  std::vector<fs::path> files() const override {
    std::vector<fs::path> all;
    for (const fs::path& path : {files_.whole, files_.parts[0], files_.parts[1], files_.parts[2],
                                 files_.items, files_.users})
      if (!path.empty()) all.push_back(path);
    return all;
  }

 private:
  std::string name(const char* role, const char* usual) const {
    const std::string given = column_of(roles_, role);
    return given.empty() ? usual : given;
  }

  std::vector<Field> header(const fs::path& path) const {
    LineReader lines(path);
    std::string_view line;
    if (!lines.next(line))
      throw Error(Exit::bad_data, path.string(), "is empty, expected a header of name:type fields");
    if (syntax_.separator.size() != 1)
      throw Error(Exit::usage, "field_separator", "expected one character");
    return parse_header(line, lines.where(), syntax_.separator[0]);
  }

  void read(const fs::path& path, int part, RowSink& sink, ReadContext& context) const {
    const ColumnNames names{name("user", "user_id"),
                            name("item", "item_id"),
                            {name("rating", "rating"), columns_.rating},
                            {name("label", "label"), columns_.label},
                            {name("time", "timestamp"), columns_.time},
                            {name("review", "review"), columns_.review}};
    header(path);  // its types are checked
    auto records = open_delimited(path, syntax_, names, context.bad);
    const RowMapping mapping{.user = 0,
                             .item = 1,
                             .rating = columns_.rating ? 2 : -1,
                             .time = columns_.time ? 4 : -1,
                             .review = columns_.review ? 5 : -1,
                             .label = columns_.label ? 3 : -1};
    read_rows(*records, mapping, options_, sink, context, part);
  }

  /// All token and token_seq fields beside the id are texts; a title under another usual name is
  /// found.
  void side(const fs::path& path, const std::string& id, const Json& columns, const char* role,
            TextSink& sink, ReadContext& context) const {
    if (path.empty()) return;
    const ColumnRoles named = parse_columns(columns, cat(role, "-columns").c_str());
    std::vector<TextField> fields;
    const std::vector<Field> all = header(path);
    for (const Field& field : all) {
      if (field.name == id || field.type == FieldType::real || field.type == FieldType::real_seq)
        continue;
      std::string as = field.name;
      for (const auto& [text, column] : named)
        if (column == field.name) as = text;
      if (find_field(all, "title") < 0 &&
          (as == "movie_title" || as == "item_name" || as == "name"))
        as = "title";
      fields.push_back({as, field.name});
    }
    auto records = open_delimited(path, syntax_, text_columns(id, fields), context.bad);
    Respaced spaced(sink, options_.sequence_separator);
    read_texts(*records, fields, spaced, context);
  }

  const RawOptions options_;
  AtomicFiles files_;
  ColumnRoles roles_;
  Delimited syntax_;
  RawColumns columns_;
};

}  // namespace

std::unique_ptr<RawReader> open_recbole(const fs::path& input, const RawOptions& options) {
  return std::make_unique<RecboleReader>(input, options);
}

}  // namespace kindred::data
