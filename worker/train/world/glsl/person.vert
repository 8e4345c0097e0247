#version 330
// SPDX-License-Identifier: Apache-2.0
// Positions of this frame and the previous one, in the same camera.
uniform mat4 view_projection;
in vec3 position; in vec3 previous; in vec3 normal; in vec3 canon; in vec4 aux;
out vec3 world; out vec3 n; out vec3 c; out vec4 a; out vec4 now; out vec4 before;
void main() {
    world = position; n = normal; c = canon; a = aux;
    now = view_projection * vec4(position, 1.0);
    before = view_projection * vec4(previous, 1.0);
    gl_Position = now;
}
