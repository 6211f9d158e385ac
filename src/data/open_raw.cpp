#include "core/error.h"
#include "core/strings.h"
#include "data/raw.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {

namespace fs = std::filesystem;

namespace {

/// A reader whose texts come from files that the options name.
class NamedTexts : public RawReader {
 public:
  NamedTexts(std::unique_ptr<RawReader> reader, const RawOptions& options)
      : reader_(std::move(reader)), options_(options) {}

  RawColumns columns() const override { return reader_->columns(); }
  bool split() const override { return reader_->split(); }
  void interactions(RowSink& sink, ReadContext& context) override {
    reader_->interactions(sink, context);
  }
  void item_texts(TextSink& sink, ReadContext& context) override {
    if (has_items())
      read_named_texts(options_.items, options_.item_columns, "item", sink, context);
    else
      reader_->item_texts(sink, context);
  }
  void user_texts(TextSink& sink, ReadContext& context) override {
    if (has_users())
      read_named_texts(options_.users, options_.user_columns, "user", sink, context);
    else
      reader_->user_texts(sink, context);
  }
  std::vector<fs::path> files() const override {
    std::vector<fs::path> all = reader_->files();
    if (has_items()) all.emplace_back(options_.items);
    if (has_users()) all.emplace_back(options_.users);
    return all;
  }

 private:
  bool has_items() const { return !options_.items.empty() && !options_.item_columns.is_null(); }
  bool has_users() const { return !options_.users.empty() && !options_.user_columns.is_null(); }

  std::unique_ptr<RawReader> reader_;
  const RawOptions options_;
};

std::unique_ptr<RawReader> open_format(const fs::path& input, const RawOptions& options) {
  if (options.format.starts_with("amazon-")) return open_amazon(input, options);
  if (options.format == "recbole") return open_recbole(input, options);
  if (options.format == "movielens") return open_movielens(input, options);
  if (options.format == "yelp") return open_yelp(input, options);
  if (options.format == "user-items" || options.format == "user-item")
    return open_lists(input, options);
  if (options.format == "csv" || options.format == "tsv" || options.format == "jsonl")
    return open_own_table(input, options);
  throw Error(Exit::usage, "format",
              cat("got '", options.format, "', expected one of ", join(format_names(), ", "),
                  suggestion(options.format, format_names())));
}

}  // namespace

std::unique_ptr<RawReader> open_raw(const fs::path& input, const RawOptions& options) {
  if (!fs::exists(input)) throw Error(Exit::missing, input.string(), "no such file or folder");
  for (const std::string& side : {options.items, options.users})
    if (!side.empty() && !fs::is_regular_file(side))
      throw Error(Exit::missing, side, "no such file");
  return std::make_unique<NamedTexts>(open_format(input, options), options);
}

}  // namespace kindred::data
