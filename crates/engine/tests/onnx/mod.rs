//! Writes small ONNX files, for tests here and in `delivery`: just enough of the format's protocol buffers.
#![allow(dead_code, reason = "each test program uses some of them")]

/// A mask that is the picture's brightness. It fits the layout of `background.onnx`.
pub fn background(side: u64) -> Vec<u8> {
    let weights = floats("weights", &[1, 3, 1, 1], &[1.0, 1.0, 1.0]);
    let node = node("Conv", &["picture", "weights"], "mask", &one_by_one());
    model(&[node], &[weights], ("picture", &[1, 3, side, side]), &["mask"])
}

/// One face, always here: left, top, right and bottom as shares. It fits the layout of `faces.onnx`.
pub fn faces(face: [f32; 4]) -> Vec<u8> {
    let scores = floats("all scores", &[1, 3, 2], &[0.9, 0.1, 0.05, 0.95, 0.4, 0.6]);
    let mut corners = vec![0.0, 0.0, 0.2, 0.2];
    corners.extend(face);
    corners.extend([0.5, 0.5, 1.0, 1.0]);
    let boxes = floats("all boxes", &[1, 3, 4], &corners);
    let mut nodes = nothing();
    nodes.push(node("Add", &["all scores", "nothing"], "scores", &[]));
    nodes.push(node("Add", &["all boxes", "nothing"], "boxes", &[]));
    let constants = [scores, boxes, zero(), shape()];
    model(&nodes, &constants, ("picture", &[1, 3, 240, 320]), &["scores", "boxes"])
}

/// One object, always around the middle of a picture of 64 x 64, as large as a quarter of its side. It fits the layout of
/// `objects.onnx`.
pub fn objects(class: usize) -> Vec<u8> {
    const SIDE: u64 = 64;
    let places = (8 * 8 + 4 * 4 + 2 * 2) as usize;
    let mut numbers = vec![0.0_f32; places * 85];
    // The place in row 4 and column 4 of the finest grid begins in the middle.
    let place = &mut numbers[(4 * 8 + 4) * 85..][..85];
    place[2..4].fill(2.0_f32.ln());
    place[4] = 0.9;
    place[5 + class] = 0.9;
    let all = floats("all", &[1, places as u64, 85], &numbers);
    let mut nodes = nothing();
    nodes.push(node("Add", &["all", "nothing"], "found", &[]));
    model(
        &nodes,
        &[all, zero(), shape()],
        ("picture", &[1, 3, SIDE, SIDE]),
        &["found"],
    )
}

/// Each pixel becomes four. It fits the layout of `upscale.onnx`.
pub fn twice() -> Vec<u8> {
    let scales = floats("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let attributes = [
        text("mode", "nearest"),
        text("coordinate_transformation_mode", "asymmetric"),
        text("nearest_mode", "floor"),
    ];
    let node = node("Resize", &["picture", "", "scales"], "larger", &attributes);
    model(&[node], &[scales], ("picture", &[1, 3, 0, 0]), &["larger"])
}

/// The negative, in tiles of this side. It fits the layout of `retouch.onnx`.
pub fn negative(side: u64) -> Vec<u8> {
    let weights = [-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0];
    let weights = floats("weights", &[3, 3, 1, 1], &weights);
    let ones = floats("ones", &[3], &[1.0; 3]);
    let node = node("Conv", &["picture", "weights", "ones"], "better", &one_by_one());
    model(&[node], &[weights, ones], ("picture", &[1, 3, side, side]), &["better"])
}

/// The attributes of a convolution of single pixels, in full, as exporters write them.
fn one_by_one() -> Vec<Vec<u8>> {
    ["strides", "dilations", "kernel_shape"]
        .map(|name| ints(name, &[1, 1]))
        .into()
}

/// Zero, but made of the picture: a network's output comes from its input.
fn nothing() -> Vec<Vec<u8>> {
    let axes = ints("axes", &[0, 1, 2, 3]);
    vec![
        node("ReduceMean", &["picture"], "mean", &[axes]),
        node("Mul", &["mean", "zero"], "none", &[]),
        node("Reshape", &["none", "shape"], "nothing", &[]),
    ]
}

fn zero() -> Vec<u8> {
    floats("zero", &[1], &[0.0])
}

fn shape() -> Vec<u8> {
    let ones = [1_i64; 3].map(i64::to_le_bytes).concat();
    [number(1, 3), number(2, 7), field(8, b"shape"), field(9, &ones)].concat()
}

/// `ModelProto`; a side of 0 may be any.
fn model(nodes: &[Vec<u8>], constants: &[Vec<u8>], (input, shape): (&str, &[u64]), outputs: &[&str]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    graph.extend(field(2, b"graph"));
    graph.extend(constants.iter().flat_map(|constant| field(5, constant)));
    let sides = shape.iter().flat_map(|side| match side {
        0 => field(1, &field(2, b"any")),
        side => field(1, &number(1, *side)),
    });
    let tensor = [number(1, 1), field(2, &sides.collect::<Vec<_>>())].concat();
    let value = |name: &str, tensor: &[u8]| [field(1, name.as_bytes()), field(2, &field(1, tensor))].concat();
    graph.extend(field(11, &value(input, &tensor)));
    graph.extend(
        outputs
            .iter()
            .flat_map(|output| field(12, &value(output, &number(1, 1)))),
    );
    let opset = [field(1, b""), number(2, 13)].concat();
    [number(1, 8), field(7, &graph), field(8, &opset)].concat()
}

/// `NodeProto`
fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    node.extend(field(2, output.as_bytes()));
    node.extend(field(4, operator.as_bytes()));
    node.extend(attributes.iter().flat_map(|attribute| field(5, attribute)));
    node
}

/// `AttributeProto`
fn text(name: &str, value: &str) -> Vec<u8> {
    [field(1, name.as_bytes()), field(4, value.as_bytes()), number(20, 3)].concat()
}

fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let values = values.iter().flat_map(|value| number(8, *value));
    [field(1, name.as_bytes()), values.collect(), number(20, 7)].concat()
}

/// `TensorProto`
fn floats(name: &str, shape: &[u64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let dimensions = shape.iter().flat_map(|length| number(1, *length));
    [
        dimensions.collect(),
        number(2, 1),
        field(8, name.as_bytes()),
        field(9, &raw),
    ]
    .concat()
}

fn number(at: u64, value: u64) -> Vec<u8> {
    [varint(at << 3), varint(value)].concat()
}

fn field(at: u64, content: &[u8]) -> Vec<u8> {
    [varint(at << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
