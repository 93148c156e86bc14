"""What the docstrings of the two estimators share: parameters and attributes."""

PARAMETERS = """hidden_layer_sizes : tuple of int, default=(256, 256)
        Units of each hidden layer; () is a linear model. A layer's input is added to its output
        where both have the same width.
    activation : str, SplineActivation or list of SplineActivation, default="auto"
        The function of the hidden units. "auto" compares ReLU, tanh(a x) for a in (1, 2, 4, 8) and
        the learned functions, and takes the one that is best on held-out rows. "learned" compares
        learned functions only. "relu", "gelu", "tanh", "sin" and "hat" are exactly that function.
        A `SplineActivation` is used as it is. With ``sharing="layer"``, a list gives every hidden
        layer its own `SplineActivation`.
    prefactor : float or None, default=None
        Factor on the argument of the activation; the learning rate is divided by it. None means 1,
        or (1, 2, 4, 8) for the tanh of "auto". A number replaces these four.
    input_activations : {"auto", "learned"}, None, IAFTransformer or list, default="auto"
        Functions of the input columns. "learned" meta-learns up to 16 functions of every column;
        each network then goes on training a copy of them with its weights. "auto" compares
        networks with and without such functions if ``activation="auto"`` and there are at most 512
        columns; otherwise it has none. None only scales the columns. An unfitted `IAFTransformer`
        is learned anew with its own settings, and networks do not change its functions.
        ``FrozenEstimator(fitted_transformer)``, or a list of one function per column, is used as it
        is: a `SplineActivation` for numbers, a `CategoryActivation` for categories.
    sharing : {"network", "layer"}, default="network"
        One learned activation for all hidden layers, or one for each.
    learner : ActivationLearner or None, default=None
        How functions are learned. None is ``ActivationLearner()`` on networks at most 64 wide.
        The estimator's ``random_state``, ``device``, ``sharing`` and ``verbose`` replace those of
        the learner. The learner's ``spectral_normalization`` holds for the final network as well.
        Its ``n_knots``, ``init``, ``outer_learning_rate``, ``outer_step`` and ``n_restarts`` are
        those of activations; to set them for input functions, pass an `IAFTransformer`.
    scaling : {"auto", "quantile", "robust", "minmax", "standard"} or None, default="auto"
        Scaling of columns without learned functions. "quantile": ranks spread evenly over
        [-1, 1]. "robust": interquartile range 1, values far outside drawn in smoothly. "minmax":
        linear to [-1, 1]. "standard": zero mean and unit variance. None: none. "auto" is
        "quantile" for classes and "robust" for values, which often depend on how far out a column
        lies.
    categorical_features : {"from_dtype"}, array-like or None, default="from_dtype"
        Columns that hold categories, as a mask, by number or by name. "from_dtype" takes those
        whose type says so: in frames of pandas, polars and others ``category``, ``Enum``, strings,
        objects that are strings, and booleans; in arrays of objects, strings and booleans. None
        takes all columns for numbers.
        A category of more than 8 levels also has target means: the mean targets of its levels, as
        further columns of numbers. Without learned functions, a category has one input per level.
    optimizer : {"rmsprop", "adam", "momentum", "sgd"}, default="rmsprop"
    learning_rate : float, default=0.001
    label_smoothing : float, default=0.1
        Share of every label that is spread evenly over all classes while networks are trained.
        Regression does not use it.
    batch_size : int or "auto", default="auto"
        Rows per step. "auto" is a tenth of the training rows, at least 32 and at most 256; from
        102,400 rows on it is a 400th of them, at most 4096.
    max_iter : int, default=100
        Epochs of the final training, at most.
    early_stopping : bool, default=True
        Whether training stops on held-out rows and returns to its best epoch. Otherwise the final
        networks are trained on all rows for ``max_iter`` epochs. The weights that are evaluated
        and kept are their mean over the last 50 steps.
    validation_fraction : float, default=0.15
        Share of the rows that is held out to choose among candidates and to stop early. Learning
        does not see these rows. Scaling does: it uses their columns, the mean and spread of values,
        and the frequencies of classes.
    n_iter_no_change : int, default=12
        Training stops after so many epochs in which the networks together did not predict the
        held-out rows better: with fewer errors (a lower log loss if weights differ), or a lower
        squared error.
    n_estimators : int, default=4
        Networks that are trained; their outputs are averaged.
    callbacks : list of skorch callbacks or None, default=None
        Hooks of the final training: callbacks, classes of them, or pairs (name, callback). They are
        not copied. All weights are one parameter, "weights". `EpochScoring` scores all networks
        together on the held-out rows. `BatchScoring`, `Freezer`, `Unfreezer`, `LoadInitState` and
        `InputShapeSetter` are refused, since they would have no effect here.
    time_limit : float or None, default=None
        Seconds after which `fit` should end, approximately. It keeps the best result so far, and a
        `ConvergenceWarning` names the stages that it cut. Learning ends after a quarter of the
        limit, comparing after 60 %; training has the rest. Every candidate is evaluated at least
        once, and networks are trained on at least one batch. The result then depends on the speed
        of the machine.
    checkpoint : str, path-like or None, default=None
        Folder for intermediate results. A fit that was interrupted goes on from them, to the same
        result as without the interruption. Fits to other data or with other parameters (except
        ``verbose`` and ``callbacks``) have files of their own there. A finished fit leaves its
        files behind: delete the folder when done. The files are pickles, so use a folder that you
        trust. Callbacks see only the epochs after an interruption.
    device : str, default="auto"
        "cpu", "cuda", "cuda:0", …; "auto" is CUDA if there is one. Prediction runs on the CPU.
    random_state : int, RandomState instance or None, default=None
        The same number gives the same result on any number of threads; on a GPU, except for the
        last digits.
    verbose : int, default=0
        1 shows progress bars on stderr."""

ATTRIBUTES = """activation_ : callable on arrays and tensors, or list of them
        The activation of the final networks, prefactor included: a `SplineActivation` or an exact
        function. A list with one per hidden layer if ``sharing="layer"``.
    input_activations_ : list of SplineActivation and CategoryActivation, or None
        One function per column, with knots in the units of X, or the levels of a category. Those of
        target means come last. None if columns are only scaled. If every network trained its own,
        the channels of the first network come first.
    categories_ : list
        Labels of each column in order, or None where it holds numbers.
    candidates_ : dict of ndarray
        The candidates and how they compare; ``pandas.DataFrame(candidates_)`` is a table. ``name``,
        ``inputs``, ``prefactor`` and ``restart`` say what a candidate is. ``screening_score`` is
        the negative held-out loss of a narrow network. ``validation_score`` is the negative
        share of errors on held-out rows (log loss if their weights differ; squared error in
        regression) of up to two networks of full width, nan for candidates that were screened
        out. ``rank`` orders them; ``status`` is "chosen", "compared", "screened" or "diverged".
        With fewer than 100 rows, narrow networks are compared once: by cross-validated losses or,
        if something was learned because it was asked for, by the losses on the held-out rows.
    meta_history_ : dict
        How learning went, for "activation" and "inputs" if they were learned: ``validation_loss``
        (outer steps, restarts), ``snapshot_step`` and ``functions``, as in `ActivationLearner`. The
        loss is what the outer loop minimises, not an estimate of performance.
    history_ : list of dict
        One record per epoch of the final training, from skorch. ``valid_error``, which decides
        when to stop, is the share of held-out rows that all networks together get wrong, their
        log loss if weights differ, or their squared error.
    n_iter_ : int
        Epochs of the final training.
    best_validation_score_ : float or None
        {score} on the held-out rows, which also chose the network: optimistic. None without
        early stopping.
    networks_ : FittedNetworks
        The trained networks and how they read columns, for `skibias.plots` and callbacks.
    weights_ : ndarray of shape (n_estimators, n_weights), float32
        Weights and biases of every network's layers.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X had column names that are all strings."""
