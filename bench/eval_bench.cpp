// Full-ranking evaluation of given user and item matrices, as the evaluation core does it. Called
// by bench/eval_recbole_twin.py, which makes the input and evaluates the same as RecBole does.
//
//   eval_bench FOLDER THREADS METRIC...
//
// FOLDER/input.safetensors: users [U, D], items [N, D]; {train,test}_{offsets,columns} (rows by
// user). Prints {"seconds": ..., "peak_mb": ..., "metrics": {...}}.

#include <sys/resource.h>
#include <torch/torch.h>

#include <cstdio>
#include <exception>
#include <iostream>

#include "core/strings.h"
#include "eval/evaluate.h"
#include "model/recommender.h"

namespace kindred {
namespace {

struct Vectors : model::Recommender {
  torch::Tensor users, items;

  std::string name() const override { return "vectors"; }
  model::Capabilities capabilities() const override {
    model::Capabilities can;
    can.represents = can.factorises = true;
    return can;
  }
  int64_t item_count() const override { return items.size(0); }
  torch::Tensor user_vectors(std::span<const model::Query> queries,
                             const torch::Tensor& = {}) override {
    torch::Tensor rows = torch::empty({static_cast<int64_t>(queries.size())}, torch::kLong);
    for (size_t q = 0; q < queries.size(); ++q) rows.data_ptr<int64_t>()[q] = *queries[q].user;
    return users.index_select(0, rows);
  }
  torch::Tensor item_vectors(const torch::Tensor& = {}) override { return items; }
  Json save(const std::filesystem::path&) const override { return {}; }
};

void fill_part(data::InteractionTable& part, const model::NamedTensors& tensors,
               const std::string& name) {
  const int64_t any[] = {-1};
  const torch::Tensor offsets = model::find_tensor(tensors, name + "_offsets", any, "input");
  const torch::Tensor columns = model::find_tensor(tensors, name + "_columns", any, "input");
  const int64_t* begin = offsets.const_data_ptr<int64_t>();
  for (int64_t user = 0; user + 1 < offsets.size(0); ++user)
    for (int64_t at = begin[user]; at < begin[user + 1]; ++at) {
      part.user.push_back(static_cast<data::Index>(user));
      part.item.push_back(static_cast<data::Index>(columns.const_data_ptr<int64_t>()[at]));
    }
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

int run(int count, char** arguments) {
  at::set_num_threads(std::stoi(arguments[2]));
  const auto tensors =
      model::load_tensors(std::filesystem::path(arguments[1]) / "input.safetensors");
  const int64_t any[] = {-1, -1};
  Vectors model;
  model.users = model::find_tensor(tensors, "users", any, "input");
  model.items = model::find_tensor(tensors, "items", any, "input");
  data::Dataset data;
  data.name = "bench";
  for (int64_t user = 0; user < model.users.size(0); ++user) data.users.add(cat("u", user));
  for (int64_t item = 0; item < model.items.size(0); ++item) data.items.add(cat("i", item));
  fill_part(data.parts[0], tensors, "train");
  fill_part(data.parts[2], tensors, "test");
  eval::EvaluationOptions options;
  options.metrics.assign(arguments + 3, arguments + count);
  const auto outcome = eval::evaluate(model, data, options, {});
  const Json result = {{"seconds", outcome.seconds},
                       {"peak_mb", peak_megabytes()},
                       {"metrics", eval::to_json(outcome.evaluation.values)}};
  std::cout << result.dump() << std::endl;
  return 0;
}

}  // namespace
}  // namespace kindred

int main(int count, char** arguments) {
  if (count < 4) {
    std::cerr << "usage: eval_bench FOLDER THREADS METRIC...\n";
    return 2;
  }
  try {
    return kindred::run(count, arguments);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
