#include "cf/pop.h"

#include "cf/closed_form.h"

namespace kindred::cf {

Pop::Pop(const PopOptions&, const data::Dataset& dataset)
    : counts_(torch::zeros({dataset.item_count()})) {}

void Pop::solve(const data::Dataset& dataset, const std::stop_token&) {
  counts_.copy_(torch::tensor(dataset.item_popularity(), torch::kInt64));
}

model::Capabilities Pop::capabilities() const {
  return {.scores = true, .scores_all = true};
}

void Pop::score_all(std::span<const model::Query>, torch::Tensor& out) {
  out.copy_(counts_);
}

bool Pop::is_cold(model::Index item) const {
  return counts_.const_data_ptr<float>()[item] == 0.0f;
}

void Pop::put(const model::NamedTensors& state, const std::string& where) {
  counts_ = model::find_tensor(state, "items.interactions", counts_.sizes(), where);
}

Json Pop::save(const std::filesystem::path& folder) const {
  model::save_tensors(folder / "model.safetensors", state());
  return {{"name", name()}};
}

namespace {

std::unique_ptr<model::Method> create(const model::MethodContext& context) {
  return closed_form<Pop, PopOptions>(context, "pop");
}

std::shared_ptr<model::Recommender> load(const model::SavedModel& saved) {
  const std::string where = (saved.folder / "model.safetensors").string();
  auto pop = std::make_shared<Pop>(torch::zeros({saved.items->size()}));
  pop->put(model::load_tensors(where), where);
  return pop;
}

}  // namespace

model::CatalogEntry pop_entry() {
  return {"pop",
          "the most interacted items, the same for everybody",
          [](const model::MethodContext& context) {
            return closed_form_settings<PopOptions>(context, "pop");
          },
          create,
          load,
          [] { return describe_options<PopOptions>(); }};
}

}  // namespace kindred::cf
