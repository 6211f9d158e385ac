#include "data/prepared.h"

#include "core/error.h"
#include "core/strings.h"

namespace kindred::data {

Json read_prepared_info(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "dataset.json";
  Json info = read_json(path.string());
  if (!info.is_object() || !info.contains("schema") || !info["schema"].is_number_integer())
    throw Error(Exit::bad_data, path.string(), "has no integer 'schema'");
  const auto schema = info["schema"].get<int64_t>();
  if (schema > prepared_schema || schema < 1)
    throw Error(Exit::bad_data, path.string(),
                cat("has schema ", schema, ", this program reads up to ", prepared_schema,
                    "; use a newer one"));
  return info;
}

}  // namespace kindred::data
