#pragma once
// The method of every recommender that is solved at once instead of trained by steps.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/method.h"

namespace kindred::cf {

/// A recommender with one stage, `solve`, which has no training options.
template <class Model>
class ClosedFormMethod final : public model::Method {
 public:
  ClosedFormMethod(std::shared_ptr<Model> model, const model::MethodContext& context)
      : model_(std::move(model)), data_(context.data), stop_(context.stop) {}

  std::shared_ptr<model::Recommender> recommender() override { return model_; }
  std::vector<model::Stage> stages() override {
    model::Stage stage;
    stage.name = "solve";
    stage.closed_form = {
        .solve = [model = model_, data = data_, stop = stop_] { model->solve(*data, stop); },
        .state = [model = model_] { return model->state(); },
        .put = [model = model_](const model::NamedTensors& state,
                                const std::string& where) { model->put(state, where); }};
    std::vector<model::Stage> stages;
    stages.push_back(std::move(stage));
    return stages;
  }

 private:
  std::shared_ptr<Model> model_;
  std::shared_ptr<const data::Dataset> data_;
  std::stop_token stop_;
};

/// The options of a closed form; stages other than none are refused.
template <class Options>
model::Settings closed_form_settings(const model::MethodContext& context, const char* name) {
  model::check_stage_names(context, {});
  return {write_options(model::method_options<Options>(context, name)), Json::object()};
}

/// Makes the method of a closed form: `Model(options, dataset)` with `solve(dataset, stop)`,
/// `state()` and `put(state, where)`.
template <class Model, class Options>
std::unique_ptr<model::Method> closed_form(const model::MethodContext& context, const char* name) {
  closed_form_settings<Options>(context, name);
  const auto options = model::method_options<Options>(context, name);
  return std::make_unique<ClosedFormMethod<Model>>(std::make_shared<Model>(options, *context.data),
                                                   context);
}

}  // namespace kindred::cf
