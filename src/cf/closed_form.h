#pragma once
// The method of every recommender that is solved at once instead of trained by steps.

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "cf/method_options.h"
#include "model/method.h"

namespace kindred::cf {

/// A recommender with one stage, `solve`, which has no training options.
template <class Options>
class ClosedForm final : public model::Method {
 public:
  ClosedForm(std::shared_ptr<model::Recommender> recommender, Options options,
             std::function<void()> solve)
      : recommender_(std::move(recommender)),
        options_(std::move(options)),
        solve_(std::move(solve)) {}

  std::shared_ptr<model::Recommender> recommender() override { return recommender_; }
  std::vector<model::Stage> stages() override {
    model::Stage stage;
    stage.name = "solve";
    stage.solve = solve_;
    std::vector<model::Stage> stages;
    stages.push_back(std::move(stage));
    return stages;
  }
  Json resolved_options() const override { return write_options(options_); }
  Json resolved_stages() const override { return Json::object(); }

 private:
  std::shared_ptr<model::Recommender> recommender_;
  Options options_;
  std::function<void()> solve_;
};

/// Makes the method of a closed form: reads its options, refuses stages other than none, and binds
/// `model->solve(dataset, stop)`.
template <class Model, class Options>
std::unique_ptr<model::Method> closed_form(const model::MethodContext& context, const char* name) {
  model::check_stage_names(context, {});
  const auto options = method_options<Options>(context, name);
  const auto model = std::make_shared<Model>(options, *context.data);
  auto solve = [model, data = context.data, stop = context.stop] { model->solve(*data, stop); };
  return std::make_unique<ClosedForm<Options>>(model, options, std::move(solve));
}

}  // namespace kindred::cf
