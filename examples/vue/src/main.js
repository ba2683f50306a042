// Where the page begins: the app, and the address of the server that it sends to.
import { createApp } from "vue";
import App from "./App.vue";
import "./style.css";

const to = import.meta.env.VITE_HOLDFAST ?? "http://127.0.0.1:8420";

createApp(App, { to }).mount("#app");
