// What recommenders ask of a backbone, timed: driven by lm_backbone_twin.py, which times plain
// PyTorch and `transformers` on the same model and batches in the same run.
//
//   lm_backbone TASK MODEL BATCH.json [--precision P] [--threads N] [--repeats N] [--adapter DIR]
//               [--checkpoint]
//
// MODEL is a Hugging Face folder, or a config.json by itself: then its weights are random.
// TASK: peak, load, forward, score, lora, soft, greedy. Prints one JSON object: seconds of each
// repeat after the first, and numbers that the twin compares with its own.

#include <torch/torch.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "core/json.h"
#include "core/safetensors.h"
#include "lm/adapter.h"
#include "lm/causal_lm.h"
#include "lm/continuations.h"
#include "lm/generate.h"

namespace {

using namespace kindred;
using Tokens = std::vector<int64_t>;

struct Arguments {
  std::string task, model, batch, precision = "fp32", adapter;
  int threads = 2;
  int repeats = 3;
  bool checkpoint = false;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  std::vector<std::string> plain;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (name == "--precision") {
      a.precision = value();
    } else if (name == "--threads") {
      a.threads = std::stoi(value());
    } else if (name == "--repeats") {
      a.repeats = std::stoi(value());
    } else if (name == "--checkpoint") {
      a.checkpoint = true;
    } else if (name == "--adapter") {
      a.adapter = value();
    } else {
      plain.push_back(name);
    }
  }
  plain.resize(3);
  a.task = plain[0];
  a.model = plain[1];
  a.batch = plain[2];
  return a;
}

// Runs `work` once to warm up, then `repeats` times; the seconds of these.
template <class Work>
std::vector<double> timed(int repeats, const Work& work) {
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    const auto began = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (i > 0) seconds.push_back(took.count());
  }
  return seconds;
}

// The fastest large product: floating-point operations a second.
Json measure_peak(const Arguments& a) {
  const auto type = a.precision == "bf16" ? torch::kBFloat16 : torch::kFloat;
  const int64_t n = 2048;
  const auto x = torch::randn({n, n}).to(type), y = torch::randn({n, n}).to(type);
  const lm::FrozenLinear layer(y, torch::Tensor());
  double best = 1e9;
  for (const double s : timed(6, [&] { layer.forward(x); })) best = std::min(best, s);
  for (const double s : timed(6, [&] { torch::mm(x, y); })) best = std::min(best, s);
  return {{"flops", 2.0 * static_cast<double>(n * n * n) / best}};
}

struct Batch {
  std::vector<Tokens> sequences, continuations;
  std::vector<Tokens> slots;  // places of trainable vectors in each sequence
  int64_t new_tokens = 64;

  explicit Batch(const std::string& path) {
    const Json json = read_json(path);
    sequences = json.at("sequences").get<std::vector<Tokens>>();
    if (json.contains("continuations")) {
      continuations = json.at("continuations").get<std::vector<Tokens>>();
    }
    if (json.contains("slots")) slots = json.at("slots").get<std::vector<Tokens>>();
    if (json.contains("new_tokens")) new_tokens = json.at("new_tokens").get<int64_t>();
  }

  Tokens offsets() const {
    Tokens ends = {0};
    for (const auto& one : sequences)
      ends.push_back(ends.back() + static_cast<int64_t>(one.size()));
    return ends;
  }
  torch::Tensor ids() const {
    Tokens all;
    for (const auto& one : sequences) all.insert(all.end(), one.begin(), one.end());
    return torch::tensor(all, torch::kInt64);
  }
  // The last token of each sequence is what is predicted, from the row before it.
  std::pair<torch::Tensor, torch::Tensor> answers() const {
    Tokens rows, targets;
    const Tokens ends = offsets();
    for (size_t s = 0; s < sequences.size(); ++s) {
      rows.push_back(ends[s + 1] - 2);
      targets.push_back(sequences[s].back());
    }
    return {torch::tensor(rows, torch::kInt64), torch::tensor(targets, torch::kInt64)};
  }
};

Json run_forward(const Arguments& a, lm::CausalLM& model, const Batch& batch) {
  const torch::NoGradGuard no_grad;
  torch::Tensor hidden;
  const auto seconds =
      timed(a.repeats, [&] { hidden = model.hidden({model.embed(batch.ids()), batch.offsets()}); });
  return {{"seconds", seconds}, {"check", {hidden.abs().mean().item<double>()}}};
}

Json run_score(const Arguments& a, lm::CausalLM& model, const Batch& batch) {
  std::vector<double> sums;
  const auto seconds = timed(a.repeats, [&] {
    sums.clear();
    const auto found =
        lm::score_continuations(model, {{batch.sequences[0], {}}}, {batch.continuations});
    for (const auto& one : found[0]) {
      double sum = 0;
      for (const float value : one) sum += value;
      sums.push_back(sum);
    }
  });
  return {{"seconds", seconds}, {"check", sums}};
}

std::shared_ptr<lm::Adapter> adapter_of(const Arguments& a, lm::CausalLM& model) {
  if (!a.adapter.empty()) return lm::Adapter::load(model, a.adapter);
  const Json config = {{"peft_type", "LORA"},
                       {"r", 8},
                       {"lora_alpha", 16},
                       {"target_modules", {"q_proj", "v_proj", "c_attn"}}};
  return std::make_shared<lm::Adapter>(model, lm::parse_adapter_config(config, "adapter"), 1);
}

// A step's forward and backward pass, without the optimiser.
Json run_lora(const Arguments& a, lm::CausalLM& model, const Batch& batch) {
  const auto adapter = adapter_of(a, model);
  adapter->set_trainable(true);
  model.use({adapter});
  const auto [rows, targets] = batch.answers();
  double loss = 0, norm = 0;
  const auto seconds = timed(a.repeats, [&] {
    for (auto [name, tensor] : adapter->named_parameters()) tensor.mutable_grad().reset();
    const auto hidden = model.hidden({model.embed(batch.ids()), batch.offsets()}, rows);
    const auto total = model.cross_entropy_sum(hidden, targets);
    total.backward();
    loss = total.item<double>();
  });
  for (const auto& [name, tensor] : adapter->named_parameters()) {
    norm += tensor.grad().pow(2).sum().item<double>();
  }
  return {{"seconds", seconds}, {"check", {loss, std::sqrt(norm)}}};
}

Json run_soft(const Arguments& a, lm::CausalLM& model, const Batch& batch) {
  const Tokens ends = batch.offsets();
  Tokens places, fixed;
  for (size_t s = 0; s < batch.slots.size(); ++s) {
    for (const int64_t at : batch.slots[s]) places.push_back(ends[s] + at);
    fixed.push_back(batch.slots[s].front());
  }
  const auto at = torch::tensor(places, torch::kInt64);
  auto vectors = model.embed(batch.ids()).index_select(0, at).detach().requires_grad_(true);
  const auto [rows, targets] = batch.answers();
  double loss = 0;
  const auto seconds = timed(a.repeats, [&] {
    vectors.mutable_grad().reset();
    const auto x = model.embed(batch.ids()).index_copy(0, at, vectors);
    const auto hidden = model.hidden({x, ends, fixed}, rows);
    const auto total = model.cross_entropy_sum(hidden, targets);
    total.backward();
    loss = total.item<double>();
  });
  return {{"seconds", seconds}, {"check", {loss, vectors.grad().norm().item<double>()}}};
}

Json run_greedy(const Arguments& a, lm::CausalLM& model, const Batch& batch) {
  lm::GenerateOptions options;
  options.max_new_tokens = batch.new_tokens;
  std::vector<Tokens> found;
  const auto seconds =
      timed(a.repeats, [&] { found = lm::generate(model, batch.sequences, options); });
  return {{"seconds", seconds}, {"check", found}};
}

// The process's own peak: getrusage's would begin at that of the driver that started it.
double peak_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string key; status >> key;) {
    double kilobytes = 0;
    if (key == "VmHWM:" && status >> kilobytes) return kilobytes / 1024;
  }
  return 0;
}

// What loading adds to the process's peak, beside the folder's size.
Json run_load(const Arguments& a) {
  double folder = 0;
  for (const auto& entry : std::filesystem::directory_iterator(a.model)) {
    folder += static_cast<double>(entry.file_size()) / (1 << 20);
  }
  const double before = peak_mb();
  const auto began = std::chrono::steady_clock::now();
  const auto model = lm::load_causal_lm(a.model, {a.precision, false, torch::kCPU});
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return {{"seconds", took.count()}, {"folder_mb", folder}, {"grew_mb", peak_mb() - before}};
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  at::set_num_threads(a.threads);
  if (a.task == "peak") {
    std::cout << measure_peak(a).dump() << '\n';
    return 0;
  }
  if (a.task == "load") {
    std::cout << run_load(a).dump() << '\n';
    return 0;
  }
  const lm::LoadOptions options{a.precision, false, torch::kCPU};
  const auto model = a.model.ends_with(".json") ? lm::make_causal_lm(read_json(a.model), 1, options)
                                                : lm::load_causal_lm(a.model, options);
  model->set_checkpointing(a.checkpoint);
  const Batch batch(a.batch);
  using Run = Json (*)(const Arguments&, lm::CausalLM&, const Batch&);
  const std::map<std::string, Run> tasks = {{"forward", run_forward},
                                            {"score", run_score},
                                            {"lora", run_lora},
                                            {"soft", run_soft},
                                            {"greedy", run_greedy}};
  const auto task = tasks.find(a.task);
  if (task == tasks.end()) {
    std::cerr << "unknown task " << a.task << '\n';
    return 2;
  }
  Json answer = task->second(a, *model, batch);
  answer["peak_mb"] = peak_mb();
  std::cout << answer.dump() << '\n';
  return 0;
}
