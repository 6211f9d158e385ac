// Tokens a second of one soft-prompt step through a frozen GPT-2 of small shape: forward, loss-free
// backward to the embeddings; with --loss also the vocabulary loss of every row.
//
//   lm_step [--precision fp32|bf16] [--threads N] [--layers N] [--repeats N] [--loss] [--forward]

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include "lm/causal_lm.h"

namespace {

struct Arguments {
  std::string precision = "auto";
  int threads = 2;
  int64_t layers = 12, repeats = 5;
  bool loss = false, forward = false;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (name == "--precision") a.precision = value();
    if (name == "--threads") a.threads = std::stoi(value());
    if (name == "--layers") a.layers = std::stoll(value());
    if (name == "--repeats") a.repeats = std::stoll(value());
    if (name == "--loss") a.loss = true;
    if (name == "--forward") a.forward = true;
  }
  return a;
}

double seconds_of_step(kindred::lm::CausalLM& model, const Arguments& a, int64_t batch, int64_t n) {
  kindred::lm::Packed input;
  for (int64_t s = 0; s <= batch; ++s) input.offsets.push_back(s * n);
  const auto x = torch::randn({batch * n, 768}) * 0.02;
  const auto targets = torch::randint(50257, {batch * n}, torch::kInt64);
  double best = 1e9;
  for (int64_t i = 0; i <= a.repeats; ++i) {
    const auto began = std::chrono::steady_clock::now();
    input.embeddings = x.clone().requires_grad_(!a.forward);
    const auto hidden = model.hidden(input);
    const auto value = a.loss ? model.cross_entropy_sum(hidden, targets) : hidden.sum();
    if (!a.forward) value.backward();
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (i > 0) best = std::min(best, seconds);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  at::set_num_threads(a.threads);
  const auto model = kindred::lm::make_causal_lm({{"model_type", "gpt2"}, {"n_layer", a.layers}}, 1,
                                                 {a.precision, false, torch::kCPU});
  std::printf("precision %s, threads %d, layers %ld\n", a.precision.c_str(), a.threads,
              static_cast<long>(a.layers));
  const int64_t shapes[][2] = {{20, 10}, {20, 24}, {20, 96}, {64, 16}, {8, 256}};
  for (const auto& shape : shapes) {
    const double seconds = seconds_of_step(*model, a, shape[0], shape[1]);
    std::printf("%3ld x %3ld: %8.1f ms, %6.0f tokens/s\n", static_cast<long>(shape[0]),
                static_cast<long>(shape[1]), 1e3 * seconds,
                static_cast<double>(shape[0] * shape[1]) / seconds);
    std::fflush(stdout);
  }
  return 0;
}
