#include "methods/catalog.h"

#include <vector>

#include "cf/catalog.h"
#include "core/error.h"
#include "core/strings.h"
#include "methods/cascade.h"
#include "methods/cllm4rec.h"
#include "methods/ensemble.h"
#include "methods/md_cvae.h"

namespace kindred::methods {
namespace {

std::vector<model::CatalogEntry> all_entries() {
  std::vector<model::CatalogEntry> list = cf::catalog();
  // One line a recommender.
  // clang-format off
  list.push_back(md_cvae_entry());
  list.push_back(cllm4rec_entry());
  list.push_back(ensemble_entry());
  list.push_back(cascade_entry());
  // clang-format on
  return list;
}

const std::vector<model::CatalogEntry>& entries() {
  static const std::vector<model::CatalogEntry> list = all_entries();
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
