// A prepared folder that somebody else wrote or damaged: dataset.json, the three parts, .item and
// .user. What loads must be consistent, and its texts readable.

#include <cstdint>

#include "core/utf8.h"
#include "data/dataset.h"
#include "fuzz/fuzz.h"

using namespace kindred;
using namespace kindred::data;

namespace {

void look_at(const TextColumn& column) {
  for (int64_t row = 0; row < column.rows(); ++row)
    if (column.has(row)) fuzz::require(is_utf8(column.get(row)));
}

void look_at(const Dataset& dataset) {
  for (const Part part : all_parts) {
    const InteractionTable& table = dataset.part(part);
    fuzz::require(table.user.size() == table.item.size());
    for (const Index user : table.user) fuzz::require(user >= 0 && user < dataset.user_count());
    for (const Index item : table.item) fuzz::require(item >= 0 && item < dataset.item_count());
    fuzz::require(dataset.by_user(part).nnz() == table.size());
  }
  for (const std::string& name : dataset.item_text_columns()) look_at(*dataset.item_text(name));
  for (const std::string& name : dataset.user_text_columns()) look_at(*dataset.user_text(name));
  if (dataset.train_reviews() != nullptr) look_at(*dataset.train_reviews());
  for (Index item = 0; item < dataset.item_count(); ++item) dataset.title(item);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::Folder folder;
  folder.fill(
      {"dataset.json", "x.train.inter", "x.valid.inter", "x.test.inter", "x.item", "x.user"},
      fuzz::files_of({reinterpret_cast<const char*>(data), size}));
  fuzz::parse([&] { look_at(*load_dataset(folder.path())); });
  return 0;
}
