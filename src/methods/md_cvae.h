#pragma once
// MD-CVAE: a user autoencoder and an item-content autoencoder that regularise each other.
//
// Paper: Zhu and Chen, "Mutually-Regularized Dual Collaborative Variational Auto-encoder for
// Recommendation Systems", WWW 2022.
// Reference code: yaochenzhu/MD-CVAE: both autoencoders, the layer-wise pretraining (Adam 0.01;
// 50, 50, 50 and 100 epochs; 30% of the words masked in the first), the alternation by epoch
// (100 epochs of Adam from 1e-3, batches of 256), lambda_W 2e-4, lambda_V 2 or 10, the divergence
// of the user side annealed to 0.2 over 80 epochs, MovieLens' sizes. Departures:
// - Which matrix holds the item embeddings is an option. The paper puts them into the decoder's
// last
//   layer (decoder), its symmetric inference ties the encoder's first to it (tied), its released
//   code for the normal setting regularises the encoder's first (encoder).
// - Items are described by the bag of words of their training reviews (or of their texts). Items
//   without words are left out of the content side and of the penalty that pulls towards it.
// - The content decoder has biases of its own where the authors share the encoder's, so that
//   pretraining a layer leaves the layers below as they are. A masked word is drawn, not counted
//   out.
// - The learning rate falls along a cosine to 1e-4 where theirs drops to it after half the epochs.
// - As in Multi-VAE everybody's training items are learned from; nobody is held out.
// - Multi-VAE's input dropout and unit-length inputs are options, off as in the authors' code (its
//   networks can do both and are built without). However small lambda_V is, that is no Multi-VAE.

#include "cf/user_vae.h"
#include "core/options.h"
#include "model/method.h"
#include "text/bag_of_words.h"

namespace kindred::methods {

struct MdCvaeOptions {
  std::vector<int64_t> hidden_sizes = {100};
  int64_t latent_size = 50;
  std::vector<int64_t> content_hidden_sizes = {100, 100};
  std::string item_embeddings = "decoder";
  double lambda_v = 10.0;
  double lambda_w = 2e-4;
  double kl_weight = 0.2;
  int64_t anneal_epochs = 80;
  double dropout = 0.0;
  bool normalize = false;
  double mask = 0.3;
  std::string content = "auto";
  text::BagOfWordsOptions words;

  template <class V>
  void visit(V& v) {
    v("hidden_sizes", hidden_sizes, "units of the user encoder's layers, the decoder's reversed",
      Bounds{1, 1e6});
    v("latent_size", latent_size, "dimensions of a user's vector", Bounds{1, 1e6});
    v("content_hidden_sizes", content_hidden_sizes, "units of the content encoder's layers",
      Bounds{1, 1e6});
    v("item_embeddings", item_embeddings,
      "which matrix over items is tied to the content: the decoder's last (the paper), the "
      "encoder's first (its code), or both as one (the paper's symmetric inference)",
      Choices{{"decoder", "encoder", "tied"}});
    v("lambda_v", lambda_v, "weight of the squared distance of item embeddings from content",
      Bounds{0});
    v("lambda_w", lambda_w, "weight of half the squared weights", Bounds{0});
    v("kl_weight", kl_weight, "weight of the users' divergence once annealed", Bounds{0, 1e3});
    v("anneal_epochs", anneal_epochs, "epochs over which that weight grows from 0", Bounds{0});
    v("dropout", dropout,
      "share of a person's items hidden from the encoder in a step (Multi-VAE: 0.5)",
      Bounds{0, 0.99});
    v("normalize", normalize, "a person's items enter the encoder with length 1 (Multi-VAE)");
    v("mask", mask, "share of an item's words hidden while the first content layer is pretrained",
      Bounds{0, 0.99});
    v("content", content,
      "the words of an item: those of its training reviews, of its own texts (title, description, "
      "categories, brand), of both, or auto: reviews where there are any",
      Choices{{"auto", "reviews", "item-texts", "both"}});
    v("words", words, "how texts become bags of words");
  }
};

/// The items' words as the options ask for: never those of a validation or test review. Throws
/// `config` when the data has no such text.
text::BagOfWords item_words(const MdCvaeOptions& options, const data::Dataset& dataset);

/// Its line of the catalog.
model::CatalogEntry md_cvae_entry();

}  // namespace kindred::methods
