"""One formula per score, in the symbols of docs/scores.md. A score without an entry fails the build of the documentation."""

FORMULAS = {
    "input_curvature": r"\frac{1}{|S|} \sum_{s \in S} \mathrm{tr}(H_s^2), \quad"
    r"\mathrm{tr}(H^2) = \mathbb{E}_v \lVert H v \rVert^2, \quad H v \approx \frac{\nabla_x L(x + h v, y) - \nabla_x L(x, y)}{h}",
    "cumulative_loss": r"\sum_{t=1}^{T} \tilde L_t",
    "margin": r"\frac{1}{T} \sum_{t=1}^{T} \tilde m_t",
    "final_margin": r"m_T",
    "final_loss": r"L_T",
    "loss_sensitivity": r"\frac{1}{|S|} \sum_{s \in S} \lVert \nabla_x L_s \rVert",
    "residual": r"\sum_{s \in S} \lVert p_s - e_y \rVert",
    "evaluation_loss": r"\sum_{s \in S} L_s",
    "inconfidence": r"1 - p_T(y)",
    "max_inconfidence": r"1 - \max_j p_T(j)",
    "forgetting": r"\bigl|\{t : \tilde m_t > 0 \ge \tilde m_{t+1}\}\bigr|, \quad T \text{ if } \tilde m_t \le 0 \text{ for all } t",
    "first_learned": r"\min \{t : \tilde m_{t+1} > 0\}, \quad T \text{ if there is none}",
    "learning_time": r"\min \Bigl\{ i : \frac{1}{j} \sum_{l=1}^{j} \lVert \nabla_x L_{s_l} \rVert^2 < \tau"
    r"\text{ for all } j > i \Bigr\}, \quad \tau \text{ the median of these means over samples and epochs}",
    "el2n": r"\frac{1}{E} \sum_{t=1}^{E} \lVert \tilde p_t - e_y \rVert, \quad E = \lceil T / 5 \rceil",
    "label_contrast": r"\frac{1}{|S|} \sum_{s \in S} \bigl( \log C_s(y) - \log C_s(r) \bigr)",
    "label_contrast_difference": r"\frac{1}{|S|} \sum_{s \in S} \bigl( C_s(y) - C_s(r) \bigr)",
    "training_gradient": r"\sum_{t=1}^{T} \lVert \tilde g_t \rVert",
    "training_gradient_change": r"\sum_{t=2}^{T} \lVert \tilde g_t - \tilde g_{t-1} \rVert",
    "held_out_loss": r"-\log q(y), \quad q \propto \exp \Bigl( \frac{2}{T (T + 1)} \sum_{t=1}^{T} t \log p_t^{(f)} \Bigr), \quad"
    r"f \text{ the fold of the sample}",
    "fitted_loss": r"\frac{1}{4 T} \sum_{t=1}^{T} \sum_{g \ne f} -\log \tilde p_t^{(g)}(y)",
    "p_wrong": r"w = 1 - \frac{q(y) M_{y y}}{\sum_j q(j) M_{j y}}, \quad q = \mathrm{softmax}(a \log \bar p + b), \quad"
    r"M_{j y} \text{ the probability that a label of class } j \text{ is given as } y",
    "class_confusion": r"\bigl( \mathrm{logit}\, w - \mathrm{logit}\, w_0 \bigr) / \mathrm{sd}(\mathrm{logit}\, w_0), \quad"
    r"w_0 \text{ with all off-diagonal } M \text{ equal}",
    "given_probability": r"q(y)",
    "suggested_probability": r"q(j), \quad j \text{ the suggested class}",
    "isolation": r"(d - Q_3) / (Q_3 - Q_1), \quad d \text{ the distance to the fifth nearest}, Q_1, Q_3 \text{ its quartiles}",
}
