// Yelp's academic data set.

#include "data/find_files.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

class YelpReader : public RawReader {
 public:
  YelpReader(const fs::path& input, const RawOptions& options) : options_(options) {
    const FolderFiles folder = list_data_files(input);
    const auto find = [&](const std::string& kind) {
      const std::string full = "yelp_academic_dataset_" + kind + ".json";
      return folder.find({full, kind + ".json", kind + ".jsonl"});
    };
    reviews_ = fs::is_directory(input) ? find("review") : input;
    if (reviews_.empty()) only_file({}, input, "reviews (yelp_academic_dataset_review.json)");
    businesses_ = options.items.empty() ? find("business") : fs::path(options.items);
    users_ = options.users.empty() ? find("user") : fs::path(options.users);
  }

  RawColumns columns() const override { return {.rating = true, .time = true, .review = true}; }

  void interactions(RowSink& sink, ReadContext& context) override {
    auto records =
        open_json_lines(reviews_, {"user_id", "business_id", "stars", "date", "text"}, context.bad);
    read_rows(*records, {.user = 0, .item = 1, .rating = 2, .time = 3, .review = 4}, options_, sink,
              context);
  }

  void item_texts(TextSink& sink, ReadContext& context) override {
    texts(businesses_, "business_id",
          {{"title", "name"}, {"categories", "categories", " | "}, {"city", "city"}}, sink,
          context);
  }
  void user_texts(TextSink& sink, ReadContext& context) override {
    texts(users_, "user_id", {{"name", "name"}}, sink, context);
  }

  std::vector<fs::path> files() const override {
    std::vector<fs::path> all{reviews_};
    for (const fs::path& path : {businesses_, users_})
      if (!path.empty()) all.push_back(path);
    return all;
  }

 private:
  static void texts(const fs::path& path, const char* id, const std::vector<TextField>& fields,
                    TextSink& sink, ReadContext& context) {
    if (path.empty()) return;
    auto records = open_json_lines(path, text_columns(id, fields), context.bad);
    read_texts(*records, fields, sink, context);
  }

  const RawOptions options_;
  fs::path reviews_, businesses_, users_;
};

}  // namespace

std::unique_ptr<RawReader> open_yelp(const fs::path& input, const RawOptions& options) {
  return std::make_unique<YelpReader>(input, options);
}

}  // namespace kindred::data
