// Amazon reviews and metadata, as published in 2014, 2018 and 2023.

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "data/find_files.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

/// The keys of one edition.
struct Edition {
  ColumnNames review;  ///< user, item, rating, time, text
  ColumnName item;     ///< of the metadata
  std::vector<TextField> texts;
};

Edition edition(const std::string& format) {
  const ColumnName asin = std::vector<std::string>{"parent_asin", "asin"};
  if (format == "amazon-2023")
    return {{"user_id", asin, "rating", "timestamp", "text"},
            asin,
            {{"title", "title"},
             {"categories", "categories", " | "},
             {"brand", "store"},
             {"description", "description"},
             {"features", "features"}}};
  const std::vector<std::string> times{"unixReviewTime", "reviewTime"};
  const std::vector<std::string> categories{"categories", "category"};
  return {{"reviewerID", "asin", "overall", times, "reviewText"},
          "asin",
          {{"title", "title"},
           {"categories", categories, " | "},
           {"brand", "brand"},
           {"description", "description"},
           {"features", "feature"}}};
}

/// The columns of the published rating tables: user, item, rating, time.
ColumnNames table_columns(const std::string& format) {
  if (format == "amazon-2023")
    return {"user_id", std::vector<std::string>{"parent_asin", "asin"}, "rating", "timestamp"};
  if (format == "amazon-2018") return {"2", "1", "3", "4"};
  return {"1", "2", "3", "4"};
}

class AmazonReader : public RawReader {
 public:
  AmazonReader(const fs::path& input, const RawOptions& options)
      : options_(options), edition_(edition(options.format)) {
    const FolderFiles folder = list_data_files(input);
    std::vector<fs::path> tables;
    for (const fs::path& path : folder.files) {
      const std::string name = path.filename().string();
      const bool json = has_data_suffix(name, {".json", ".jsonl"});
      if (json) (name.starts_with("meta") ? metas_ : reviews_).push_back(path);
      if (has_data_suffix(name, {".csv"})) tables.push_back(path);
    }
    if (!fs::is_directory(input)) reviews_ = {input};
    if (reviews_.empty()) reviews_ = tables;
    reviews_ = {
        only_file(reviews_, input, "reviews (*.json, *.jsonl or *.csv, plain, .gz or .zst)")};
    table_ = has_data_suffix(reviews_[0].filename().string(), {".csv"});
    if (metas_.size() > 1) metas_ = matching(metas_, reviews_[0]);
    if (!options.items.empty()) metas_ = {options.items};
  }

  RawColumns columns() const override { return {.rating = true, .time = true, .review = !table_}; }

  void interactions(RowSink& sink, ReadContext& context) override {
    const RowMapping mapping{
        .user = 0, .item = 1, .rating = 2, .time = 3, .review = table_ ? -1 : 4};
    auto records = table_ ? open_table(reviews_[0], table_columns(options_.format), context.bad)
                          : open_json_lines(reviews_[0], edition_.review, context.bad);
    read_rows(*records, mapping, options_, sink, context);
  }

  void item_texts(TextSink& sink, ReadContext& context) override {
    for (const fs::path& path : metas_) {
      auto records =
          open_json_lines(path, text_columns(edition_.item, edition_.texts), context.bad);
      read_texts(*records, edition_.texts, sink, context);
    }
  }

  std::vector<fs::path> files() const override {
    std::vector<fs::path> all = reviews_;
    all.insert(all.end(), metas_.begin(), metas_.end());
    return all;
  }

 private:
  /// Of several metadata files in one folder, the one of the same category: meta_X beside
  /// reviews_X_5.
  static std::vector<fs::path> matching(const std::vector<fs::path>& metas,
                                        const fs::path& reviews) {
    std::vector<fs::path> found;
    for (const fs::path& meta : metas) {
      const std::string category = stem_of(meta).substr(std::string("meta_").size());
      if (!category.empty() && reviews.filename().string().find(category) != std::string::npos)
        found.push_back(meta);
    }
    if (found.size() > 1) {  // meta_Beauty and meta_All_Beauty: the longer name fits closer
      std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
        return a.filename().string().size() > b.filename().string().size();
      });
      found.resize(1);
    }
    return found;
  }

  const RawOptions options_;
  Edition edition_;
  std::vector<fs::path> reviews_, metas_;
  bool table_ = false;  // ratings only, as CSV
};

}  // namespace

std::unique_ptr<RawReader> open_amazon(const fs::path& input, const RawOptions& options) {
  return std::make_unique<AmazonReader>(input, options);
}

}  // namespace kindred::data
