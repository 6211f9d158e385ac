#include "lm/encoder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "lm/activation.h"
#include "lm/attention.h"
#include "lm/biased_attention.h"
#include "lm/relative_bias.h"
#include "lm/window_attention.h"
#include "model/threads.h"

// Beside encoder.h's legend: R rows asked for, F feed-forward width.

namespace kindred::lm {

struct Encoder::Pass {
  std::vector<int64_t> offsets;
  std::vector<int64_t> global;        // a Longformer's global tokens, ascending
  std::optional<BiasedShape> biased;  // of relative positions; none: scores have no bias
  PassDropout dropout;
};

namespace {

// The dropout of these rows of a pass alone (undefined: of all). Elsewhere than on a processor
// masks are not drawn by rows.
PassDropout of_rows(const PassDropout& dropout, const torch::Tensor& rows) {
  if (!rows.defined() || !rows.device().is_cpu()) return dropout;
  const auto dense = rows.contiguous();
  return dropout.at({dense.const_data_ptr<int64_t>(), static_cast<size_t>(dense.numel())});
}

}  // namespace

Encoder::Encoder(EncoderPlan plan, Weights weights, const LoadOptions& options)
    : layout_(std::move(plan.layout)), config_(std::move(plan.config)) {
  model::secure_threads();
  load_layers(std::move(weights), options);
  const bool plain = !layout_.windowed() && layout_.relative_bias.empty();
  if (!options.trainable && options.device.is_cpu() && plain) prepare_frozen();
  train(false);
}

void Encoder::load_layers(Weights weights, const LoadOptions& options) {
  LayerLoader given(*this, std::move(weights), options);
  compute_ = given.compute();
  const int64_t d = layout_.hidden_size;
  embeddings_ = given.table(layout_.embeddings);
  positions_ = given.table(layout_.positions, true);
  types_ = given.table(layout_.types, true);
  embedding_norm_ = given.norm(layout_.embedding_norm, d);
  relative_bias_ = given.table(layout_.relative_bias, true);
  for (const EncoderBlockLayout& block : layout_.blocks) {
    Block made;
    made.qkv = given.linear(block.qkv);
    if (!block.global.empty()) {
      made.global_query = given.linear({block.global[0]});
      made.global_keys = given.linear({block.global[1], block.global[2]});
      made.window = block.window;
    }
    made.out = given.linear({block.out});
    made.norm_1 = given.norm(block.norm_1, d);
    made.up = given.linear({block.up});
    made.down = given.linear({block.down});
    made.norm_2 = given.norm(block.norm_2, d);
    blocks_.push_back(std::move(made));
  }
}

void Encoder::prepare_frozen() {
  auto frozen = std::make_unique<FrozenEncoder>();
  for (const Block& block : blocks_) {
    frozen->blocks.push_back(
        {block.qkv, block.out, block.up, block.down, block.norm_1, block.norm_2});
  }
  frozen->heads = layout_.heads;
  frozen->attention_scale = attention_scale();
  frozen->epsilon = layout_.epsilon;
  frozen->activation = layout_.activation;
  frozen->compute = compute_;
  frozen_ = std::move(frozen);
}

double Encoder::attention_scale() const {
  return 1 / std::sqrt(static_cast<double>(layout_.head_dim()));
}

double Encoder::embedding_std() const {
  const torch::NoGradGuard no_grad;
  return embeddings_.to(torch::kFloat).std().item<double>();
}

torch::Tensor Encoder::embed(const torch::Tensor& ids) {
  return torch::embedding(embeddings_, ids, layout_.padding_row).to(torch::kFloat);
}

// The bias of relative positions, made once for all blocks.
void Encoder::add_bias(Pass& pass) const {
  if (!relative_bias_.defined()) return;
  const RelativeBuckets how{layout_.relative_buckets, 128, true};
  int64_t longest = 1;
  for (size_t s = 0; s + 1 < pass.offsets.size(); ++s) {
    longest = std::max(longest, pass.offsets[s + 1] - pass.offsets[s]);
  }
  BiasedShape shape;
  shape.queries = shape.keys = pass.offsets;
  shape.heads = layout_.heads;
  shape.bias = relative_bias(relative_bias_, how, longest).contiguous();
  if (relative_bias_.requires_grad()) shape.matrices = bias_matrices(shape);
  pass.biased = std::move(shape);
}

Encoder::Pass Encoder::begin(const Packed& input, const TokenMarks& marks) const {
  check_packed(input, layout_.hidden_size, layout_.context);
  Pass pass{input.offsets, {}, {}, {}};
  add_bias(pass);
  if (layout_.windowed()) pass.global = global_tokens(input.offsets, marks.global);
  PassDropout shares;
  shares.embedding = shares.residual = static_cast<float>(layout_.hidden_dropout);
  shares.attention = static_cast<float>(layout_.attention_dropout);
  pass.dropout = draw_dropout(shares, input);
  return pass;
}

torch::Tensor Encoder::start(const Packed& input, const TokenMarks& marks) const {
  const auto rows = positions_of(input.offsets) + layout_.position_offset;  // [T]
  auto x = input.embeddings.to(torch::kFloat) +
           torch::embedding(positions_, rows.to(positions_.device()));
  check(!marks.types.defined() || marks.types.numel() == x.size(0), "one type for each token");
  if (!marks.types.defined()) {
    if (types_.defined()) x = x + types_[0];
    return norm(x, embedding_norm_);
  }
  const int64_t known = layout_.type_rows;
  if (x.size(0) > 0 && (marks.types.min().item<int64_t>() < 0 ||
                        marks.types.max().item<int64_t>() >= std::max<int64_t>(known, 1))) {
    throw Error(Exit::bad_data, "token types",
                cat("got ", marks.types.min().item<int64_t>(), " to ",
                    marks.types.max().item<int64_t>(), ", expected 0 to ", known - 1));
  }
  if (types_.defined()) x = x + torch::embedding(types_, marks.types.to(types_.device()));
  return norm(x, embedding_norm_);
}

torch::Tensor Encoder::norm(const torch::Tensor& x, const NormWeights& weights) const {
  return norm_rows(x, weights, true, layout_.epsilon);
}

torch::Tensor Encoder::attend(size_t layer, const torch::Tensor& x, const Pass& pass) const {
  const Block& block = blocks_[layer];
  const auto qkv = block.qkv->forward(x, compute_, pass.dropout);  // [T, 3 D]
  const double scale = attention_scale();
  const Dropout dropout = pass.dropout.of_attention(layer);
  if (pass.biased) {
    const int64_t d = layout_.hidden_size;
    // [T, D] and [T, 2 D]
    const auto queries = qkv.narrow(1, 0, d) * scale, read = qkv.narrow(1, d, 2 * d);
    BiasedShape shape = *pass.biased;
    shape.dropout = dropout;
    shape.mask_rows = pass.dropout.firsts();
    // The bias learns by the plain form alone.
    return shape.matrices.empty() ? biased_attention(queries, read, shape)
                                  : biased_attention_plain(queries, read, shape);
  }
  if (block.global_query == nullptr) {
    AttentionShape shape{pass.offsets, layout_.heads, layout_.heads, scale, dropout, false};
    shape.mask_rows = pass.dropout.firsts();
    return attention(qkv, shape);
  }
  const WindowShape shape{pass.offsets, pass.global,  layout_.heads,
                          scale,        block.window, dropout.probability};
  if (pass.global.empty()) return window_attention(qkv, shape);
  const auto at = torch::tensor(pass.global, torch::kInt64).to(x.device());
  // Queries of the G global tokens [G, D]; keys and values of all [T, 2 D].
  const GlobalProjections global{
      block.global_query->forward(x.index_select(0, at), compute_, pass.dropout.at(pass.global)),
      block.global_keys->forward(x, compute_, pass.dropout)};
  return window_attention(qkv, shape, global);
}

torch::Tensor Encoder::block_forward(size_t layer, const torch::Tensor& x, const Pass& pass,
                                     const torch::Tensor& rows) const {
  const Block& block = blocks_[layer];
  auto mixed = attend(layer, x, pass), before = x;  // [T, D]; of `rows` [R, D] from here on
  if (rows.defined()) {
    mixed = mixed.index_select(0, rows);
    before = x.index_select(0, rows);
  }
  const PassDropout dropout = of_rows(pass.dropout, rows);
  auto out = block.out->forward(mixed, compute_, dropout).to(torch::kFloat);
  if (layout_.drops_attention_output) {
    out = dropped(out, dropout.after_attention(layer), dropout.tokens());
  }
  const auto middle = norm(before + out, block.norm_1);
  const auto inner = activate(layout_.activation, block.up->forward(middle, compute_, dropout));
  auto added = block.down->forward(inner, compute_, dropout).to(torch::kFloat);
  added = dropped(added, dropout.after_feed_forward(layer), dropout.tokens());
  return norm(middle + added, block.norm_2);
}

torch::Tensor Encoder::hidden(const Packed& input, const torch::Tensor& rows,
                              const TokenMarks& marks) {
  const Pass pass = begin(input, marks);
  auto x = dropped(start(input, marks), pass.dropout.of_embedding(), pass.dropout.tokens());
  const bool learns = torch::GradMode::is_enabled() && x.requires_grad();
  if (frozen_ != nullptr && !learns && !is_training() && !adapted()) {
    x = frozen_states(*frozen_, x.contiguous(), input.offsets);
    return rows.defined() ? x.index_select(0, rows) : x;
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const bool last = i + 1 == blocks_.size();
    x = block_forward(i, x, pass, last ? rows : torch::Tensor());
  }
  return x;
}

std::vector<torch::Tensor> Encoder::hidden_layers(const Packed& input, const TokenMarks& marks) {
  const Pass pass = begin(input, marks);
  std::vector<torch::Tensor> layers = {
      dropped(start(input, marks), pass.dropout.of_embedding(), pass.dropout.tokens())};
  for (size_t i = 0; i < blocks_.size(); ++i) {
    layers.push_back(block_forward(i, layers.back(), pass));
  }
  return layers;
}

}  // namespace kindred::lm
