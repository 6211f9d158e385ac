#pragma once
// What an adapter adds to a linear layer (LoRA, Hu et al. 2021, eq. 3). Legend: T tokens, r rank.

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "lm/dropout.h"

namespace kindred::lm {

class Linear;

/// y += scale (x A^T) B^T, x through the adapter's dropout on its way.
struct LowRank {
  torch::Tensor a;  ///< [r, in] float
  torch::Tensor b;  ///< [out, r] float
  double scale = 1;
  double dropout = 0;  ///< of x, in training
  uint64_t place = 0;  ///< its own among all adapters in use, so that masks differ

  bool requires_grad() const { return a.requires_grad() || b.requires_grad(); }
};

/// The additions to one layer in one pass without a graph: converted once, used forward and
/// backward. Row r of a call draws row drawn[r] of the masks where that is defined, else row r.
class Additions {
 public:
  Additions() = default;
  /// `first` is where its gradients begin in the list that backward() fills.
  Additions(const Linear& layer, torch::ScalarType compute, const PassDropout& dropout,
            size_t first);

  bool empty() const { return all_.empty(); }
  /// Whether backward() reads x.
  bool trains() const;
  /// y [T, all out] += every addition given x [T, in], both of the products' type.
  void forward(const torch::Tensor& x, torch::Tensor& y, const torch::Tensor& drawn) const;
  /// d_x [T, in] += its part (undefined: nobody needs it) given d_y [T, all out]; gradients of A
  /// and B, where they take any, go to their places.
  void backward(const torch::Tensor& x, const torch::Tensor& d_y, torch::Tensor& d_x,
                const torch::Tensor& drawn, std::vector<torch::Tensor>& gradients) const;

 private:
  struct One {
    int64_t begin, out;  // columns of y
    torch::Tensor a, b;  // of the products' type
    double scale;
    Dropout dropout;
    bool trains;
  };
  std::vector<One> all_;
  size_t first_ = 0;
};

/// x [T, in] through a dropout whose row r draws row drawn[r] of the mask (undefined: r); no graph.
torch::Tensor dropped_rows(const torch::Tensor& x, const Dropout& dropout,
                           const torch::Tensor& drawn);

}  // namespace kindred::lm
