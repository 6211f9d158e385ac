#pragma once
// The umbrella header of the library.
//
// Shape legend used in every declaration: B queries or users of a batch, L positions of a sequence,
// T packed tokens, N items, C candidates, K recommendations, D dimensions, V vocabulary, H heads.

#include "core/error.h"
#include "data/dataset.h"
#include "lm/causal_lm.h"
#include "methods/catalog.h"
#include "model/method.h"
#include "model/recommender.h"

#define KINDRED_VERSION "0.1.0"
