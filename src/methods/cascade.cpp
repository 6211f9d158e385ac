#include "methods/cascade.h"

#include "methods/parts/saved_part.h"
#include "model/cascade.h"

namespace kindred::methods {
namespace {

/// A cascade that keeps its parts in its own folder.
class SavedCascade final : public model::Cascade {
 public:
  using Cascade::Cascade;
  Json save(const std::filesystem::path& folder) const override {
    return {{"depth", depth()},
            {"retriever", save_part(retriever(), folder, "retriever")},
            {"ranker", save_part(ranker(), folder, "ranker")}};
  }
};

/// Nothing of its own is trained: its parts are.
class CascadeMethod final : public model::Method {
 public:
  explicit CascadeMethod(const model::MethodContext& context)
      : recommender_(std::make_shared<SavedCascade>(
            context.parts.at("retriever").front().recommender,
            context.parts.at("ranker").front().recommender,
            model::method_options<CascadeOptions>(context, "cascade").depth)) {}

  std::shared_ptr<model::Recommender> recommender() override { return recommender_; }
  std::vector<model::Stage> stages() override { return {}; }

 private:
  std::shared_ptr<model::Recommender> recommender_;
};

model::Settings settings(const model::MethodContext& context) {
  model::check_stage_names(context, {});
  return {write_options(model::method_options<CascadeOptions>(context, "cascade")), Json::object()};
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  return std::make_shared<SavedCascade>(load_part(saved, saved.json.at("retriever")),
                                        load_part(saved, saved.json.at("ranker")),
                                        saved.json.value("depth", int64_t{100}));
}

}  // namespace

model::CatalogEntry cascade_entry() {
  return {.name = "cascade",
          .summary = "a recommender's best items put in order by another",
          .settings = settings,
          .create = [](const model::MethodContext& context) -> std::unique_ptr<model::Method> {
            return std::make_unique<CascadeMethod>(context);
          },
          .load = load,
          .options = [] { return describe_options<CascadeOptions>(); },
          .parts = {{"retriever", "the recommender whose best items are taken"},
                    {"ranker", "the recommender that puts them in order"}}};
}

}  // namespace kindred::methods
