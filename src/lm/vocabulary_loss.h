#pragma once
// Cross-entropy over the vocabulary without the matrix of logits. Legend: R rows, D hidden size, V
// vocabulary.

#include <torch/torch.h>

namespace kindred::lm {

/// Sum over rows of -log softmax(hidden weight^T)[target]; hidden [R, D], weight [V, D], targets
/// [R] int64 -> scalar float. Logits exist for a block of rows at a time; the gradient of `hidden`
/// is computed on the way, the gradient of `weight` only when it asks for one. Throws `internal`
/// when a target is outside the vocabulary.
torch::Tensor vocabulary_loss(const torch::Tensor& hidden, const torch::Tensor& weight,
                              const torch::Tensor& targets);

/// log softmax(hidden weight^T)[target] of each row -> [R] float on the processor, in one pass over
/// the weights, without gradients. Throws as vocabulary_loss.
torch::Tensor vocabulary_log_probabilities(const torch::Tensor& hidden, const torch::Tensor& weight,
                                           const torch::Tensor& targets);

/// hidden [R, D] times weight [V, D] -> [R, V] float.
torch::Tensor vocabulary_logits(const torch::Tensor& hidden, const torch::Tensor& weight);

/// hidden [R, D] times the rows `words` [n] int64 of weight [V, D], multiplied as `compute` -> [R,
/// n] float; differentiable in both. Throws `bad_data` for a word outside the vocabulary.
torch::Tensor word_logits(const torch::Tensor& hidden, const torch::Tensor& weight,
                          const torch::Tensor& words, torch::ScalarType compute);

}  // namespace kindred::lm
