// How the time of a CLLM4Rec step grows with users and with items, at hidden size 64: an L-step and
// a rec-step of 20 users, row-sparse Adam, the item softmax full or sampled (1,024 items). One
// table of text on stdout (sizes measured by turns, medians), then what the tables take at hidden
// size 768. Excluded: making the data, the once-an-epoch shuffle of users.
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
#include "lm/causal_lm.h"
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
  lm::save_backbone(*lm::make_causal_lm(config, 1), folder);
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

// One size of users and items, ready to step.
struct Size {
  int64_t users, items, sampled;
  std::shared_ptr<methods::Cllm4RecParts> parts;
  model::Stage stage;
  std::vector<std::unique_ptr<methods::Cllm4RecObjective>> objectives;
  std::unique_ptr<train::Optimizer> optimizer;
  std::unique_ptr<model::TrainedTables> scope;
  std::vector<std::vector<double>> times{2};

  Size(const fs::path& backbone, int64_t user_count, int64_t item_count, int64_t sample)
      : users(user_count), items(item_count), sampled(sample) {
    model::MethodContext context;
    context.data = make_data(users, items);
    context.backbone.path = backbone.string();
    context.backbone.precision = "fp32";
    methods::Cllm4RecOptions options;
    options.content = false;
    options.dropout = false;
    options.sampled_items = sampled;
    parts = methods::make_parts(options, context);
    parts->backbone->eval();
    stage.train.adam = "lazy";
    stage.tables = {&parts->collaborative->user, &parts->collaborative->item};
    objectives.push_back(std::make_unique<methods::CollaborativeObjective>(parts, 20));
    objectives.push_back(std::make_unique<methods::RecommendationObjective>(parts, 20));
    optimizer = std::make_unique<train::Optimizer>(stage);
    scope = std::make_unique<model::TrainedTables>(stage.tables);
  }

  double step(methods::Cllm4RecObjective& objective, int64_t number) {
    const auto begin = std::chrono::steady_clock::now();
    const auto batch = objective.batch(0, number % objective.steps(0));
    optimizer->clear();
    const model::LossParts loss = objective.loss(*batch);
    (loss.sum / loss.count).backward();
    optimizer->collect();
    optimizer->step(1e-3);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  // Some steps of each kind, the first of which are not counted.
  double round(int64_t number) {
    constexpr int64_t steps = 12, warm = 2;
    double total = 0;
    for (size_t kind = 0; kind < objectives.size(); ++kind) {
      for (int64_t i = 0; i < steps && (i <= warm || total < 1.0); ++i) {
        const double seconds = step(*objectives[kind], number * steps + i);
        if (i >= warm) times[kind].push_back(seconds);
        total += seconds;
      }
    }
    return total;
  }
};

double median_ms(std::vector<double> times) {
  if (times.empty()) return 0;
  std::sort(times.begin(), times.end());
  return 1000 * times[times.size() / 2];
}

// Sizes take turns, so that whatever else the machine does slows them all alike.
void compare(std::vector<Size>& sizes) {
  constexpr int64_t rounds = 25;
  constexpr double patience = 14;  // seconds
  double total = 0;
  for (int64_t r = 0; r < rounds && total < patience; ++r) {
    for (Size& size : sizes) total += size.round(r);
  }
  for (const Size& size : sizes) {
    std::printf("%10ld %10ld %10s %12.2f %12.2f\n", static_cast<long>(size.users),
                static_cast<long>(size.items), size.sampled > 0 ? "sampled" : "full",
                median_ms(size.times[0]), median_ms(size.times[1]));
  }
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
  std::vector<Size> sizes;
  for (int64_t n = 1000; n <= largest; n *= 10) sizes.emplace_back(backbone, n, 1000, 0);
  compare(sizes);
  for (const int64_t sampled : {1024, 0}) {
    sizes.clear();
    for (int64_t n = 1000; n <= largest; n *= 10) sizes.emplace_back(backbone, 1000, n, sampled);
    compare(sizes);
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
