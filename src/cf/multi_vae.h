#pragma once
// Multi-VAE: a variational autoencoder of people's items with a multinomial likelihood.
//
// Paper: Liang, Krishnan, Hoffman and Jebara, "Variational Autoencoders for Collaborative
// Filtering", WWW 2018, eq. 6 (the likelihood in eq. 2), beta annealed as in its section 2.2.2.
// Reference code: dawenl/vae_cf (its notebook): layers N-600-200-600-N, tanh, inputs of length 1
// with dropout 0.5, Adam 1e-3, batches of 500 people, 200 epochs, beta up to 0.2.
// Departures: people are not held out; everybody's training items are learned from, and a person is
// scored from their items (which includes people never seen). Annealing: the notebook adds
// 1/200,000 a step and so reaches 0.2 after 40,000 of ML-20M's 46,800 steps; with `anneal_steps: 0`
// the same share of this run's steps is taken.

#include "cf/user_vae.h"
#include "core/options.h"
#include "model/method.h"

namespace kindred::cf {

struct MultiVaeOptions {
  std::vector<int64_t> hidden_sizes = {600};
  int64_t latent_size = 200;
  double dropout = 0.5;
  double kl_weight = 0.2;
  int64_t anneal_steps = 0;

  template <class V>
  void visit(V& v) {
    v("hidden_sizes", hidden_sizes, "units of the encoder's layers, the decoder's reversed",
      Bounds{1, 1e6});
    v("latent_size", latent_size, "dimensions of a person's vector", Bounds{1, 1e6});
    v("dropout", dropout, "share of a person's items hidden from the encoder in a step",
      Bounds{0, 0.99});
    v("kl_weight", kl_weight, "beta, the weight of the divergence once annealed", Bounds{0, 1e3});
    v("anneal_steps", anneal_steps,
      "steps over which beta grows from 0, 0: 40,000 / 46,800 of all, as in the authors' code",
      Bounds{0});
  }
};

/// Beta after `step` steps of `total`.
double annealed(const MultiVaeOptions& options, int64_t step, int64_t total);

/// Its line of the catalog.
model::CatalogEntry multi_vae_entry();

}  // namespace kindred::cf
