// Amazon reviews and metadata, as published in 2014, 2018 and 2023.

#include <algorithm>

#include "core/error.h"
#include "core/strings.h"
#include "data/find_files.h"
#include "data/readers.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

/// The keys of one edition. Alternatives are divided by '|'.
struct Edition {
  std::vector<std::string> review;  ///< user, item, rating, time, text
  std::vector<std::string> meta;    ///< item, title, categories, brand, description, features
};

Edition edition(const std::string& format) {
  if (format == "amazon-2023")
    return {{"user_id", "parent_asin|asin", "rating", "timestamp", "text"},
            {"parent_asin|asin", "title", "categories", "store", "description", "features"}};
  return {{"reviewerID", "asin", "overall", "unixReviewTime|reviewTime", "reviewText"},
          {"asin", "title", "categories|category", "brand", "description", "feature"}};
}

std::string joined(const Cell& cell, std::string_view separator) {
  std::vector<std::string> distinct;
  for (std::string& text : list_of_texts(cell))
    if (!text.empty() && std::find(distinct.begin(), distinct.end(), text) == distinct.end())
      distinct.push_back(std::move(text));
  return join(distinct, separator);
}

class AmazonReader : public RawReader {
 public:
  AmazonReader(const fs::path& input, const RawOptions& options)
      : options_(options), edition_(edition(options.format)) {
    const FolderFiles folder = list_data_files(input);
    const auto is_meta = [](const std::string& name) { return name.starts_with("meta"); };
    for (const fs::path& path : folder.files) {
      const std::string name = path.filename().string();
      const bool json = has_data_suffix(name, {".json", ".jsonl", ".jsonl"});
      if (json && is_meta(name)) metas_.push_back(path);
      if (json && !is_meta(name)) reviews_.push_back(path);
    }
    if (!fs::is_directory(input)) reviews_ = {input};
    reviews_ = {only_file(reviews_, input, "reviews (*.json, *.jsonl, plain, .gz or .zst)")};
    if (!options.items.empty())
      metas_ = {options.items};
    else if (metas_.size() > 1)
      metas_ = matching(metas_, reviews_[0]);
  }

  RawColumns columns() const override { return {.rating = true, .time = true, .review = true}; }

  void interactions(RowSink& sink, ReadContext& context) override {
    auto records = open_json_lines(reviews_[0], edition_.review, context.bad);
    const int review = options_.reviews ? 4 : -1;
    read_rows(*records, {.user = 0, .item = 1, .rating = 2, .time = 3, .review = review}, options_,
              sink, context);
  }

  void item_texts(TextSink& sink, ReadContext& context) override {
    for (const fs::path& path : metas_) {
      auto records = open_json_lines(path, edition_.meta, context.bad);
      while (records->next()) {
        check_stop(context.stop);
        context.bad.good();
        if (!sink.begin(records->cell(0).text)) continue;
        sink.text("title", joined(records->cell(1), " "));
        sink.text("categories", joined(records->cell(2), " | "));
        sink.text("brand", joined(records->cell(3), " "));
        sink.text("description", joined(records->cell(4), " "));
        sink.text("features", joined(records->cell(5), " "));
      }
      context.report.replaced_bytes += records->repairs().bytes;
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
};

}  // namespace

std::unique_ptr<RawReader> open_amazon(const fs::path& input, const RawOptions& options) {
  return std::make_unique<AmazonReader>(input, options);
}

}  // namespace kindred::data
