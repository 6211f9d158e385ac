// A folder in one of the data formats, chosen by the first byte: interactions, item texts and user
// texts through the whole reader. What it hands over must be UTF-8.

#include <cstdint>

#include "core/utf8.h"
#include "data/raw.h"
#include "fuzz/fuzz.h"

using namespace kindred;
using namespace kindred::data;

namespace {

struct Layout {
  const char* format;
  std::vector<std::string> names;
  const char* columns = nullptr;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all{
      {"recbole", {"x.inter", "x.item", "x.user"}},
      {"recbole", {"x.train.inter", "x.valid.inter", "x.test.inter", "x.item"}},
      {"amazon-2014", {"reviews_X.json", "meta_X.json"}},
      {"amazon-2018", {"X.json", "meta_X.json"}},
      {"amazon-2023", {"X.jsonl", "meta_X.jsonl"}},
      {"amazon-2018", {"X.csv"}},
      {"movielens", {"u.data", "u.item", "u.user", "u.genre"}},
      {"movielens", {"ratings.dat", "movies.dat", "users.dat"}},
      {"movielens", {"ratings.csv", "movies.csv"}},
      {"yelp", {"review.json", "business.json", "user.json"}},
      {"user-items", {"train.txt", "valid.txt", "test.txt"}},
      {"user-item", {"train.txt", "valid.txt", "test.txt"}},
      {"csv", {"x.csv"}, "user=u,item=i,rating=r,time=t,review=x"},
      {"tsv", {"x.tsv"}, "user=u,item=i,rating=r,time=t,review=x"},
      {"jsonl", {"x.jsonl"}, "user=u,item=i,rating=r,time=t,review=x"},
  };
  return all;
}

class Rows : public RowSink {
 public:
  void row(const RawRow& row) override {
    fuzz::require(is_utf8(row.user) && is_utf8(row.item) && is_utf8(row.review));
    fuzz::require(row.part >= -1 && row.part <= 2);
  }
};

class Texts : public TextSink {
 public:
  bool begin(std::string_view id) override { return is_utf8(id); }
  void text(std::string_view column, std::string_view text) override {
    fuzz::require(is_utf8(column) && is_utf8(text));
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder;
  if (size == 0) return 0;
  const Layout& layout = layouts()[data[0] % layouts().size()];
  folder.fill(layout.names, fuzz::files_of({reinterpret_cast<const char*>(data) + 1, size - 1}));
  fuzz::parse([&] {
    RawOptions options;
    options.format = layout.format;
    if (layout.columns != nullptr) options.columns = layout.columns;
    const auto input = layout.columns ? folder.path() / layout.names[0] : folder.path();
    const auto reader = open_raw(input, options);
    BadRows bad("100%");
    ReadContext context{bad, {}, {}};
    Rows rows;
    Texts texts;
    reader->interactions(rows, context);
    reader->item_texts(texts, context);
    reader->user_texts(texts, context);
  });
  return 0;
}
