// How the time of a CLLM4Rec step grows with users and with items, at hidden size 64: an L-step and
// a rec-step of 20 users, row-sparse Adam, the item softmax full or sampled (1,024 items). One
// table of text on stdout, then what the tables take at hidden size 768. Excluded: making the data,
// the once-an-epoch shuffle of users.
//
//   cllm4rec_scaling TOKENIZER_FOLDER [largest]

#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"
#include "core/strings.h"
#include "data/dataset.h"
#include "methods/cllm4rec_objectives.h"
#include "train/optimizer.h"

namespace kindred::bench {
namespace {

constexpr int64_t hidden = 64;
constexpr int64_t history = 8;

fs::path make_backbone(const fs::path& tokenizer) {
  const fs::path folder = fs::temp_directory_path() / "kindred-scaling-backbone";
  fs::create_directories(folder);
  const Json config = {{"model_type", "gpt2"}, {"vocab_size", 50257}, {"n_positions", 64},
                       {"n_embd", hidden},     {"n_layer", 2},        {"n_head", 4},
                       {"attn_pdrop", 0.0},    {"embd_pdrop", 0.0},   {"resid_pdrop", 0.0}};
  lm::save_causal_lm(*lm::make_causal_lm(config, 1), folder);
  for (const char* file : {"vocab.json", "merges.txt"}) {
    fs::copy_file(tokenizer / file, folder / file, fs::copy_options::overwrite_existing);
  }
  return folder;
}

std::shared_ptr<data::Dataset> make_data(int64_t users, int64_t items) {
  auto data = std::make_shared<data::Dataset>();
  for (int64_t u = 0; u < users; ++u) data->users.add(std::to_string(u));
  for (int64_t i = 0; i < items; ++i) data->items.add(std::to_string(i));
  Random random(1, "scaling");
  for (int64_t u = 0; u < users; ++u) {
    for (int64_t k = 0; k < history; ++k) {
      data->parts[0].user.push_back(static_cast<data::Index>(u));
      data->parts[0].item.push_back(
          static_cast<data::Index>(random.below(static_cast<uint64_t>(items))));
    }
  }
  return data;
}

double seconds_a_step(methods::Cllm4RecObjective& objective, model::Stage& stage) {
  train::Optimizer optimizer(stage);
  const model::TrainedTables scope(stage.tables);
  constexpr int warm = 10;
  constexpr size_t least = 5, most = 300;
  constexpr double patience = 2.0;  // seconds, after which fewer steps will do
  std::vector<double> times;
  double total = 0;
  for (int step = 0; times.size() < (total < patience ? most : least); ++step) {
    const auto begin = std::chrono::steady_clock::now();
    const auto batch = objective.batch(0, step % objective.steps(0));
    optimizer.clear();
    const model::LossParts loss = objective.loss(*batch);
    (loss.sum / loss.count).backward();
    optimizer.collect();
    optimizer.step(1e-3);
    const double elapsed =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (step >= warm || total > patience / 2) times.push_back(elapsed);
    total += elapsed;
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void row(const fs::path& backbone, int64_t users, int64_t items, int64_t sampled) {
  model::MethodContext context;
  context.data = make_data(users, items);
  context.backbone.path = backbone.string();
  context.backbone.precision = "fp32";
  methods::Cllm4RecOptions options;
  options.content = false;
  options.dropout = false;
  options.sampled_items = sampled;
  const auto parts = methods::make_parts(options, context);
  parts->backbone->eval();
  model::Stage stage;
  stage.train.adam = "lazy";
  stage.tables = {&parts->collaborative->user, &parts->collaborative->item};
  methods::CollaborativeObjective l_step(parts, 20);
  methods::RecommendationObjective rec_step(parts, 20);
  const double l = seconds_a_step(l_step, stage), rec = seconds_a_step(rec_step, stage);
  std::printf("%10ld %10ld %10s %12.2f %12.2f\n", static_cast<long>(users),
              static_cast<long>(items), sampled > 0 ? "sampled" : "full", 1000 * l, 1000 * rec);
  std::fflush(stdout);
}

// What the tables of `rows` people or items take at hidden size 768: collaborative and content fp32
// weights, two fp32 moments each, and a step count a row (lazy Adam). In inference one weight is
// read.
void memory_plan(int64_t largest) {
  constexpr double width = 768, gigabyte = 1e9;
  std::printf("\nmemory plan at hidden size 768, GB: %10s %12s %12s\n", "rows", "training",
              "inference");
  for (int64_t rows = 1000; rows <= largest; rows *= 10) {
    const double numbers = static_cast<double>(rows) * width * 4;
    const double counts = static_cast<double>(rows) * 4;
    std::printf("%46ld %12.3f %12.3f\n", static_cast<long>(rows),
                2 * (3 * numbers + counts) / gigabyte, numbers / gigabyte);
  }
}

void run(const fs::path& tokenizer, int64_t largest) {
  const fs::path backbone = make_backbone(tokenizer);
  std::printf("%10s %10s %10s %12s %12s\n", "users", "items", "softmax", "L-step ms",
              "rec-step ms");
  for (int64_t n = 1000; n <= largest; n *= 10) row(backbone, n, 1000, 0);
  for (const int64_t sampled : {1024, 0}) {
    for (int64_t n = 1000; n <= largest; n *= 10) row(backbone, 1000, n, sampled);
  }
  memory_plan(largest);
}

}  // namespace
}  // namespace kindred::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: cllm4rec_scaling TOKENIZER_FOLDER [largest]\n";
    return 2;
  }
  torch::set_num_threads(std::getenv("OMP_NUM_THREADS") ? std::atoi(std::getenv("OMP_NUM_THREADS"))
                                                        : 2);
  try {
    kindred::bench::run(argv[1], argc > 2 ? std::atoll(argv[2]) : 1'000'000);
  } catch (const kindred::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
