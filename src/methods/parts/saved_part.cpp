#include "methods/parts/saved_part.h"

#include "core/error.h"
#include "core/files.h"
#include "core/strings.h"
#include "methods/catalog.h"
#include "model/given_vectors.h"

namespace kindred::methods {

Json save_part(const model::Recommender& part, const std::filesystem::path& folder,
               const std::string& name) {
  make_folders(folder / name);
  return {{"folder", name}, {"method", part.name()}, {"model", part.save(folder / name)}};
}

std::shared_ptr<model::Recommender> load_part(const model::SavedModel& whole, const Json& part) {
  model::SavedModel saved = whole;
  std::string method;
  try {
    method = part.at("method");
    saved.folder = whole.folder / part.at("folder").get<std::string>();
    saved.json = part.at("model");
  } catch (const Json::exception& problem) {
    throw Error(Exit::bad_data, (whole.folder / "kindred.json").string(),
                cat("the description of a part is not whole: ", problem.what()));
  }
  if (method == model::GivenVectors::catalog_name)
    return std::make_shared<model::GivenVectors>(saved);
  return find(method).load(saved);
}

}  // namespace kindred::methods
