#include "cf/catalog.h"

#include "cf/bias.h"
#include "cf/ease.h"
#include "cf/item_knn.h"
#include "cf/multi_vae.h"
#include "cf/pop.h"
#include "cf/slim.h"

namespace kindred::cf {

const std::vector<model::CatalogEntry>& catalog() {
  // One line a recommender.
  // clang-format off
  static const std::vector<model::CatalogEntry> list = {
      pop_entry(),
      bias_entry(),
      item_knn_entry(),
      ease_entry(),
      slim_entry(),
      multi_vae_entry(),
  };
  // clang-format on
  return list;
}

}  // namespace kindred::cf
