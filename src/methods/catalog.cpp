#include "methods/catalog.h"

#include <vector>

#include "cf/bias.h"
#include "cf/ease.h"
#include "cf/item_knn.h"
#include "cf/multi_vae.h"
#include "cf/pop.h"
#include "cf/slim.h"
#include "core/error.h"
#include "core/strings.h"
#include "methods/cllm4rec.h"
#include "methods/md_cvae.h"

namespace kindred::methods {
namespace {

const std::vector<model::CatalogEntry>& entries() {
  // One line a recommender.
  // clang-format off
  static const std::vector<model::CatalogEntry> list = {
      cf::pop_entry(),
      cf::bias_entry(),
      cf::item_knn_entry(),
      cf::ease_entry(),
      cf::slim_entry(),
      cf::multi_vae_entry(),
      md_cvae_entry(),
      {"cllm4rec",
       "user and item tokens learned inside a frozen language model by mutually regularised collaborative "
       "and content language modelling (CLLM4Rec, 2023)",
       make_cllm4rec, load_cllm4rec, describe_cllm4rec},
  };
  // clang-format on
  return list;
}

}  // namespace

std::span<const model::CatalogEntry> catalog() {
  return entries();
}

const model::CatalogEntry& find(const std::string& name) {
  std::vector<std::string> known;
  for (const model::CatalogEntry& entry : entries()) {
    if (entry.name == name) return entry;
    known.push_back(entry.name);
  }
  throw Error(
      Exit::config, "method",
      cat("got '", name, "'", suggestion(name, known), ", expected one of: ", join(known, ", ")));
}

}  // namespace kindred::methods
