// Seconds a step of CLLM4Rec takes, on batches that are also written out for the plain PyTorch twin
// (cllm4rec_twin.py). Driver: cllm4rec.sh.
//
//   cllm4rec_bench PREPARED TOKENIZER OUT [KINDS] [STEPS] [PRECISION] [DROPOUT]
//
// KINDS is a comma-separated list of collaborative, recommendation, content, content-sorted and
// prediction; DROPOUT is on (the default of training) or off.

#include <sys/resource.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numeric>

#include "core/error.h"
#include "core/files.h"
#include "core/json.h"
#include "core/strings.h"
#include "data/histories.h"
#include "lm/causal_lm.h"
#include "methods/cllm4rec_objectives.h"
#include "methods/cllm4rec_recommender.h"
#include "prompt/extended_vocabulary.h"
#include "train/optimizer.h"

namespace kindred::bench {
namespace {

using methods::Cllm4RecBatch;
using methods::Cllm4RecObjective;

struct Arguments {
  fs::path data, tokenizer, out;
  std::string kinds = "collaborative,recommendation,content,content-sorted,prediction";
  int64_t steps = 3;
  std::string precision = "fp32";
  bool dropout = true;

  bool wants(const std::string& kind) const {
    const auto all = split(kinds, ',');
    return std::find(all.begin(), all.end(), kind) != all.end();
  }
};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// GPT-2 small with random weights, its dropout of 0.1, and the tokenizer's files.
fs::path make_backbone(const Arguments& arguments) {
  const fs::path folder = arguments.out / "backbone";
  if (fs::exists(folder / "model.safetensors")) return folder;
  fs::create_directories(folder);
  const Json config = {{"model_type", "gpt2"},
                       {"architectures", {"GPT2LMHeadModel"}},
                       {"vocab_size", 50257},
                       {"n_positions", 1024},
                       {"n_embd", 768},
                       {"n_layer", 12},
                       {"n_head", 12},
                       {"activation_function", "gelu_new"},
                       {"layer_norm_epsilon", 1e-5},
                       {"bos_token_id", 50256},
                       {"eos_token_id", 50256}};
  const auto model = lm::make_causal_lm(config, 1);
  lm::save_backbone(*model, folder);
  for (const char* file : {"vocab.json", "merges.txt"}) {
    fs::copy_file(arguments.tokenizer / file, folder / file, fs::copy_options::overwrite_existing);
  }
  return folder;
}

// A batch for the twin: per document its prompt, its main text (targets), in extended ids.
Json written(const Cllm4RecBatch& batch, const methods::Cllm4RecParts& parts) {
  const prompt::ExtendedVocabulary vocabulary{parts.backbone->vocab_size(), parts.users(),
                                              parts.items()};
  const torch::Tensor ids =
      torch::cat({batch.prompts.words, batch.prompts.slots[0] + vocabulary.user(0),
                  batch.prompts.slots[1] + vocabulary.item(0)})
          .index_select(0, batch.prompts.order);
  const int64_t* id = ids.data_ptr<int64_t>();
  const bool words = batch.words.defined();
  const torch::Tensor targets = words ? batch.words : batch.items.items;
  const int64_t* target = targets.data_ptr<int64_t>();
  const int64_t* read = batch.prompts.read.data_ptr<int64_t>();
  Json documents = Json::array();
  int64_t r = 0, p = 0;
  for (size_t s = 0; s + 1 < batch.prompts.offsets.size(); ++s) {
    const int64_t begin = batch.prompts.offsets[s], end = batch.prompts.offsets[s + 1];
    Json document = {{"prompt", Json::array()}, {"targets", Json::array()}};
    for (int64_t t = begin; t <= read[r]; ++t) document["prompt"].push_back(id[t]);
    while (r < batch.prompts.read.numel() && read[r] < end) {
      const int64_t count = words ? 1 : batch.items.counts[r].item<int64_t>();
      for (int64_t k = 0; k < count; ++k) document["targets"].push_back(target[p++]);
      ++r;
    }
    documents.push_back(std::move(document));
  }
  const auto list = [](const torch::Tensor& rows) {
    return std::vector<int64_t>(rows.data_ptr<int64_t>(), rows.data_ptr<int64_t>() + rows.numel());
  };
  return {
      {"documents", documents}, {"users", list(batch.mr_users)}, {"items", list(batch.mr_items)}};
}

// Tokens of a batch, and of the same batch padded.
std::array<double, 2> sizes(const Cllm4RecBatch& batch) {
  int64_t longest = 0;
  const auto& offsets = batch.prompts.offsets;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    longest = std::max(longest, offsets[s + 1] - offsets[s]);
  }
  return {static_cast<double>(batch.prompts.tokens()),
          static_cast<double>(longest * batch.prompts.sequences())};
}

const Cllm4RecBatch& ours(const model::Batch& batch) {
  return static_cast<const Cllm4RecBatch&>(batch);
}

// The `count` steps of an epoch whose batches are nearest its mean, in tokens and in padded tokens,
// so that few steps stand for all.
std::vector<int64_t> typical_steps(const Cllm4RecObjective& objective, int64_t count,
                                   Json& result) {
  const int64_t steps = objective.steps(0);
  std::vector<std::array<double, 2>> all;
  std::array<double, 2> mean{};
  for (int64_t step = 0; step < steps; ++step) {
    all.push_back(sizes(ours(*objective.batch(0, step))));
    for (size_t k : {0, 1}) mean[k] += all.back()[k] / static_cast<double>(steps);
  }
  std::vector<int64_t> order(static_cast<size_t>(steps));
  std::iota(order.begin(), order.end(), int64_t{0});
  const auto distance = [&](int64_t step) {
    const auto& size = all[static_cast<size_t>(step)];
    return std::abs(size[0] / mean[0] - 1) + std::abs(size[1] / mean[1] - 1);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return distance(a) < distance(b); });
  order.resize(static_cast<size_t>(std::min(count, steps)));
  result["steps_an_epoch"] = steps;
  result["epoch_tokens"] = mean[0];
  result["epoch_padded"] = mean[1];
  return order;
}

// One optimiser step, batch making included; returns its seconds.
double timed_step(Cllm4RecObjective& objective, train::Optimizer& optimizer, int64_t step) {
  const auto begin = std::chrono::steady_clock::now();
  const auto batch = objective.batch(0, step);
  optimizer.clear();
  const model::LossParts loss = objective.loss(*batch);
  (loss.sum / loss.count).backward();
  optimizer.collect();
  optimizer.step(1e-3);
  return seconds_since(begin);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

// The steps' batches for the twin, and their mean sizes.
void write_batches(const Cllm4RecObjective& objective, const methods::Cllm4RecParts& parts,
                   const std::vector<int64_t>& steps, Json& batches, Json& result) {
  double tokens = 0, padded = 0;
  for (const int64_t step : steps) {
    const auto batch = objective.batch(0, step);
    batches[objective.name()].push_back(written(ours(*batch), parts));
    tokens += sizes(ours(*batch))[0] / static_cast<double>(steps.size());
    padded += sizes(ours(*batch))[1] / static_cast<double>(steps.size());
  }
  result["tokens"] = tokens;
  result["padded"] = padded;
}

// The loss of a step without dropout, so that the twin's can be compared.
double first_loss(Cllm4RecObjective& objective, methods::Cllm4RecParts& parts, int64_t step) {
  const torch::NoGradGuard no_grad;
  parts.backbone->eval();
  const auto batch = objective.batch(0, step);
  const model::LossParts loss = objective.loss(*batch);
  return loss.sum.item<double>() / loss.count;
}

// Times steps after one that warms up, with both forms of Adam. Every kind starts from the same
// tables.
Json time_steps(Cllm4RecObjective& objective, methods::Cllm4RecParts& parts,
                const Arguments& arguments, Json& batches) {
  Json result = {{"name", objective.name()}};
  const std::vector<int64_t> steps = typical_steps(objective, arguments.steps, result);
  model::Stage stage;
  for (auto* tables : {&*parts.collaborative, &*parts.content}) {
    stage.tables.insert(stage.tables.end(), {&tables->user, &tables->item});
  }
  std::vector<torch::Tensor> before;
  for (const model::Table* table : stage.tables) before.push_back(table->weight().clone());
  write_batches(objective, parts, steps, batches, result);
  result["first_loss"] = first_loss(objective, parts, steps[0]);
  parts.backbone->train(arguments.dropout);
  for (const char* adam : {"dense", "lazy"}) {
    stage.train.adam = adam;
    train::Optimizer optimizer(stage);
    const model::TrainedTables scope(stage.tables);
    if (std::string(adam) == "dense") timed_step(objective, optimizer, steps[0]);  // warms up
    std::vector<double> seconds;
    for (const int64_t step : steps) seconds.push_back(timed_step(objective, optimizer, step));
    result[adam] = median(seconds);
    for (size_t t = 0; t < before.size(); ++t) {
      stage.tables[t]->mutable_weight().copy_(before[t]);
    }
  }
  parts.backbone->eval();
  std::cerr << result.dump() << "\n";
  return result;
}

// People to recommend to; their prompts go to the twin as well.
std::vector<model::Query> asked(const methods::Cllm4RecParts& parts, const data::Dataset& data,
                                Json& batches) {
  const data::Csr histories =
      data::histories(data, std::array{data::Part::train, data::Part::valid}).items;
  std::vector<model::Query> queries(256);
  Json documents = Json::array();
  const prompt::ExtendedVocabulary vocabulary{parts.backbone->vocab_size(), parts.users(),
                                              parts.items()};
  for (size_t q = 0; q < queries.size(); ++q) {
    const auto user = static_cast<data::Index>(q % static_cast<size_t>(parts.users()));
    queries[q].user = user;
    queries[q].history.assign(histories.row(user).begin(), histories.row(user).end());
    prompt::PackedPrompts packed;
    packed.add(parts.forms->recommend, std::vector<prompt::Filling>{{&user, 1}, queries[q].history},
               parts.backbone->context());
    documents.push_back({{"prompt", vocabulary.ids(packed)}, {"targets", Json::array()}});
  }
  batches["prediction"].push_back({{"documents", documents}});
  return queries;
}

double timed_top(methods::Cllm4RecRecommender& recommender, std::span<const model::Query> queries) {
  const auto begin = std::chrono::steady_clock::now();
  recommender.top({.queries = queries, .k = 20, .masked = {}, .tie_ranks = {}, .among = {}});
  return seconds_since(begin);
}

// One pass over all (the best of three), then the three ways in milliseconds a user.
Json time_prediction(const std::shared_ptr<methods::Cllm4RecParts>& parts,
                     const data::Dataset& data, Json& batches) {
  methods::Cllm4RecRecommender recommender(parts);
  const std::vector<model::Query> queries = asked(*parts, data, batches);
  double best = 1e30;
  for (int repeat = 0; repeat < 3; ++repeat) {
    best = std::min(best, timed_top(recommender, queries));
  }
  Json ways = Json::object();
  for (const char* way : {"one-pass", "next-item", "autoregressive"}) {
    parts->options.predict = way;
    const size_t some = std::string(way) == "autoregressive" ? 64 : queries.size();
    const double seconds = timed_top(recommender, std::span(queries).first(some));
    ways[way] = 1000 * seconds / static_cast<double>(some);
  }
  const Json result = {
      {"name", "prediction"}, {"dense", best}, {"users", queries.size()}, {"ms_a_user", ways}};
  std::cerr << result.dump() << "\n";
  return result;
}

using Parts = std::shared_ptr<methods::Cllm4RecParts>;
using Corpus = std::shared_ptr<methods::ContentCorpus>;

// Every kind of step asked for, one after the other.
Json time_kinds(const Arguments& arguments, const Parts& parts, const Corpus& corpus,
                Json& batches) {
  Json kinds = Json::array();
  const auto time = [&](auto objective) {
    kinds.push_back(time_steps(objective, *parts, arguments, batches));
  };
  if (arguments.wants("collaborative")) time(methods::CollaborativeObjective(parts, 20));
  if (arguments.wants("recommendation")) time(methods::RecommendationObjective(parts, 20));
  if (arguments.wants("content")) {
    time(methods::ContentObjective(parts, corpus, {"content", 20, true}));
  }
  if (arguments.wants("content-sorted")) {
    parts->options.bucket = true;
    time(methods::ContentObjective(parts, corpus, {"content-sorted", 20, true}));
  }
  return kinds;
}

int run(const Arguments& arguments) {
  fs::create_directories(arguments.out);
  if (arguments.kinds == "backbone") {  // in a run of its own: its memory is not a step's
    make_backbone(arguments);
    return 0;
  }
  model::MethodContext context;
  context.data = data::load_dataset(arguments.data);
  context.backbone.path = make_backbone(arguments).string();
  context.backbone.precision = arguments.precision;
  methods::Cllm4RecOptions options;
  const Parts parts = methods::make_parts(options, context);
  parts->backbone->eval();
  const auto corpus =
      std::make_shared<methods::ContentCorpus>(context.data, options, *parts->forms);
  parts->item_documented = corpus->item_documented();
  methods::save_parts(*parts, arguments.out);
  Json batches = Json::object();
  Json kinds = time_kinds(arguments, parts, corpus, batches);
  if (arguments.wants("prediction"))
    kinds.push_back(time_prediction(parts, *context.data, batches));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const Json result = {{"precision", arguments.precision},
                       {"dropout", arguments.dropout},
                       {"threads", torch::get_num_threads()},
                       {"kinds", kinds},
                       {"peak_mb", usage.ru_maxrss / 1024}};
  write_file(arguments.out / "batches.json", batches.dump());
  write_file(arguments.out / "ours.json", result.dump(1) + "\n");
  return 0;
}

}  // namespace
}  // namespace kindred::bench

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: cllm4rec_bench PREPARED TOKENIZER OUT [KINDS] [STEPS] [PRECISION] "
                 "[DROPOUT]\n";
    return 2;
  }
  kindred::bench::Arguments arguments{argv[1], argv[2], argv[3]};
  if (argc > 4) arguments.kinds = argv[4];
  if (argc > 5) arguments.steps = std::atoll(argv[5]);
  if (argc > 6) arguments.precision = argv[6];
  if (argc > 7) arguments.dropout = std::string(argv[7]) != "off";
  torch::set_num_threads(std::getenv("OMP_NUM_THREADS") ? std::atoi(std::getenv("OMP_NUM_THREADS"))
                                                        : 2);
  try {
    return kindred::bench::run(arguments);
  } catch (const kindred::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
}
